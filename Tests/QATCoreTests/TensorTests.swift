import QATCore
import Testing

@Suite("Tensors of one Swift type")
struct TensorTests {
  private func roundTrip<Scalar: TensorScalar>(_ scalars: [Scalar], _ element: ElementType) throws {
    let tensor = Tensor(shape: [1, scalars.count], scalars)
    let any = AnyTensor(tensor)
    #expect(any.element == element && any.shape == tensor.shape)
    #expect(any.storage.byteCount == tensor.byteCount)
    #expect(tensor.byteCount == scalars.count * element.bitWidth / 8)
    #expect(try #require(Tensor<Scalar>(any)) == tensor)
    #expect(Tensor<Bool>(any) == nil)
  }

  @Test("hold all ten numeric types, and the two of half width")
  func types() throws {
    try roundTrip([1.5, -.infinity, .leastNonzeroMagnitude] as [Float], .f32)
    try roundTrip([1.5, 0x1p-1070, -3] as [Double], .f64)
    try roundTrip([Int8.min, 0, .max], .i8)
    try roundTrip([Int16.min, 0, .max], .i16)
    try roundTrip([Int32.min, 0, .max], .i32)
    try roundTrip([Int64.min, 0, .max], .i64)
    try roundTrip([UInt8.min, 7, .max], .u8)
    try roundTrip([UInt16.min, 7, .max], .u16)
    try roundTrip([UInt32.min, 7, .max], .u32)
    try roundTrip([UInt64.min, 7, .max], .u64)
    try roundTrip([Half(1.5), Half(-2.0)], .f16)
    try roundTrip([BrainFloat(1.5), BrainFloat(-2)], .bf16)
  }

  @Test("are values: a clone does not see what happens to the original")
  func clone() {
    var original = Tensor<Int32>(shape: [2, 2], [1, 2, 3, 4])
    let clone = original
    original[1, 0] = 9
    original.elements[0] = 8
    #expect(clone.elements == [1, 2, 3, 4] && original.elements == [8, 2, 9, 4])
    #expect(clone[1, 1] == clone[[1, 1]] && clone.rank == 2 && clone.count == 4)
    #expect(Tensor<Float>(2.5)[] == 2.5 && Tensor<Float>(shape: [0, 3]).count == 0)
    #expect(clone.map { Double($0) / 2 }.elements == [0.5, 1, 1.5, 2])
  }

  @Test("give an element, or say which index is wrong along which axis")
  func access() throws {
    var tensor = Tensor<UInt8>(shape: [2, 3], [1, 2, 3, 4, 5, 6])
    #expect(try tensor.element(at: [1, 2]) == 6)
    try tensor.setElement(60, at: [1, 2])
    #expect(tensor[1, 2] == 60)
    for (index, words) in [
      ([1, 3], "index 3 along axis 1"), ([-1, 0], "index -1 along axis 0"), ([0], "1 indices"),
      ([0, 0, 0], "3 indices"),
    ] {
      let error = #expect(throws: Diagnostic.self) { try tensor.element(at: index) }
      #expect(error?.code == .shapeMismatch && error?.message.contains(words) == true)
      #expect(throws: Diagnostic.self) { try tensor.setElement(0, at: index) }
    }
    #expect(throws: Diagnostic.self) { try Tensor<Int8>(shape: [0]).element(at: [0]) }
  }

  @Test("take another shape of as many elements, one size of which may be left open")
  func reshape() throws {
    let tensor = Tensor<Int16>(shape: [2, 6], (0..<12).map(Int16.init))
    #expect(try tensor.reshaped(checking: [3, 4]) == tensor.reshaped([3, 4]))
    #expect(try tensor.reshaped(checking: [3, -1, 2]).shape == [3, 2, 2])
    #expect(try tensor.reshaped(checking: [-1]).elements == tensor.elements)
    let empty = Tensor<Int16>(shape: [0, 2])
    #expect(try empty.reshaped(checking: [5, 0]).shape == [5, 0])
    for shape in [[5], [5, -1], [-1, -1], [-2, -6], [Int.max, 2], [0, -1], []] {
      let error = #expect(throws: Diagnostic.self) { try tensor.reshaped(checking: shape) }
      #expect(error?.code == .shapeMismatch)
    }
  }

  @Test("are not made of a shape that does not fit")
  func checkedShape() throws {
    #expect(try Tensor<Float>(checking: [2, 0], []).shape == [2, 0])
    #expect(try Tensor<Float>(checking: [], [3]) == Tensor(3))
    for shape in [[2, 2], [-1, -3], [Int.max, Int.max], [4]] {
      #expect(throws: Diagnostic.self) { try Tensor<Float>(checking: shape, [1, 2, 3]) }
    }
  }
}
