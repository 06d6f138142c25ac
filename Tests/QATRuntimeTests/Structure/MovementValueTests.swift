import QATCore
import QATIR
import Testing

@testable import QATRuntime

/// The expected numbers are what ONNX Runtime 1.31.1 computes at opset 22 from the same operands.
@Suite("Operations that move elements move them as ONNX Runtime does")
struct MovementValueTests {
  @Test func slice() throws {
    let x = counting([3, 4])
    let backwards = try evaluate(
      Slice(), x, integers(-1, 3), integers(-10, 0), integers(0, 1), integers(-2, -1))[0]
    #expect(backwards.shape == [2, 3])
    #expect(floats(backwards) == [11, 10, 9, 3, 2, 1])
    let clamped = try evaluate(
      Slice(), x, integers(-100), integers(-100), integers(0), integers(-1))[0]
    #expect(floats(clamped) == [0, 1, 2, 3])
    let odd = try evaluate(Slice(), x, integers(1), integers(100), integers(-1), integers(2))[0]
    #expect(floats(odd) == [1, 3, 5, 7, 9, 11])
    let extreme = try evaluate(
      Slice(), x, integers(.min), integers(.max), integers(1), integers(.max))[0]
    #expect(floats(extreme) == [0, 4, 8])
  }

  @Test func gather() throws {
    let rows = AnyTensor(shape: [2, 2], [Int64(-1), 0, 2, -3])
    let y = try evaluate(Gather(), counting([3, 4]), rows)[0]
    #expect(y.shape == [2, 2, 4])
    #expect(floats(y) == [8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3])
    #expect(
      floats(try evaluate(Gather(axis: 1), counting([3, 4]), AnyTensor(Int64(-2)))[0])
        == [2, 6, 10])
    #expect(throws: Diagnostic.self) {
      try evaluate(Gather(), counting([3, 4]), AnyTensor(Int64(3)))
    }
  }

  @Test func split() throws {
    let thirds = try evaluate(Split(axis: 0, outputCount: 3), counting([7]), results: 3)
    #expect(thirds.map(floats) == [[0, 1, 2], [3, 4, 5], [6]])
    let parts = try evaluate(Split(axis: -1), counting([3, 4]), integers(1, 3), results: 2)
    #expect(parts.map(floats) == [[0, 4, 8], [1, 2, 3, 5, 6, 7, 9, 10, 11]])
  }

  @Test func pad() throws {
    let x = counting([3])
    let pads = integers(2, 1)
    #expect(floats(try evaluate(Pad(), x, pads)[0]) == [0, 0, 0, 1, 2, 0])
    #expect(floats(try evaluate(Pad(mode: .reflect), x, pads)[0]) == [2, 1, 0, 1, 2, 1])
    #expect(floats(try evaluate(Pad(mode: .edge), x, pads)[0]) == [0, 0, 0, 1, 2, 2])
    #expect(floats(try evaluate(Pad(mode: .wrap), x, pads)[0]) == [1, 2, 0, 1, 2, 0])
    let cropped = try evaluate(
      Pad(), counting([3, 4]), integers(1, -1), AnyTensor(Float(9)), integers(-1))[0]
    #expect(floats(cropped) == [9, 0, 1, 2, 9, 4, 5, 6, 9, 8, 9, 10])
  }

  @Test("elements of every width move, packed codes included")
  func everyWidth() throws {
    let permuted = [0, 3, 1, 4, 2, 5]
    func moved(_ x: AnyTensor) throws -> AnyTensor {
      try evaluate(Transpose(perm: [2, 0, 1]), x.reshaped([1, 2, 3]))[0]
    }
    #expect(try moved(AnyTensor(shape: [6], (0..<6).map(Int32.init))).integers == permuted)
    #expect(try moved(AnyTensor(shape: [6], (0..<6).map(UInt8.init))).integers == permuted)
    #expect(try moved(AnyTensor(shape: [6], (0..<6).map(Int64.init))).integers == permuted)
    #expect(try moved(AnyTensor(.u4, shape: [6], integers: Array(0..<6))).integers == permuted)
    let negative = AnyTensor(.i2, shape: [6], integers: [-2, 1, 0, -1, 1, -2])
    #expect(try moved(negative).integers == [-2, -1, 1, 1, 0, -2])
    let halves = AnyTensor(
      .f16, shape: [6], storage: AnyTensor(shape: [6], (0..<6).map(UInt16.init)).storage)
    #expect(
      AnyTensor(.u16, shape: [6], storage: try moved(halves).storage).integers == permuted)
    let flags = AnyTensor(shape: [6], [true, false, false, true, true, false])
    #expect(try moved(flags).integers == [1, 1, 0, 1, 0, 0])
  }

  @Test func concat() throws {
    let a = AnyTensor(shape: [2, 2], [UInt8(0), 1, 2, 3])
    let b = AnyTensor(shape: [2, 1], [UInt8(10), 11])
    let y = try evaluate(Concat(axis: -1), a, b)[0]
    #expect(y.shape == [2, 3])
    #expect(y.integers == [0, 1, 10, 2, 3, 11])
    let codes = AnyTensor(.u4, shape: [3], integers: [1, 2, 3])
    #expect(try evaluate(Concat(axis: 0), codes, codes)[0].integers == [1, 2, 3, 1, 2, 3])
  }

  @Test func shapes() throws {
    let x = counting([2, 3, 4])
    #expect(try evaluate(ShapeOp(start: -2), x)[0].integers == [3, 4])
    #expect(try evaluate(ShapeOp(start: 1, end: -1), x)[0].integers == [3])
    #expect(try evaluate(Size(), x)[0].integers == [24])
    #expect(try evaluate(Reshape(), x, integers(0, -1, 2))[0].shape == [2, 6, 2])
    #expect(try evaluate(Flatten(axis: -1), x)[0].shape == [6, 4])
    let sevens = ConstantOfShape(value: AnyTensor(shape: [1], [Int64(7)]))
    #expect(try evaluate(sevens, integers(2, 2))[0].integers == [7, 7, 7, 7])
    #expect(floats(try evaluate(ConstantOfShape(), integers(2))[0]) == [0, 0])
    var constant = Constant()
    constant.ints = [3, -1]
    #expect(try evaluate(constant)[0].integers == [3, -1])
  }

  @Test("the elements of empty tensors are none")
  func emptyTensors() throws {
    let empty = counting([0, 3])
    #expect(try evaluate(Transpose(), empty)[0].shape == [3, 0])
    #expect(try evaluate(Concat(axis: 0), empty, counting([1, 3]))[0].shape == [1, 3])
    #expect(floats(try evaluate(MatMul(), counting([2, 0]), empty)[0]) == [0, 0, 0, 0, 0, 0])
    let conv = try evaluate(Conv(), counting([0, 1, 3]), counting([1, 1, 2]))[0]
    #expect(conv.shape == [0, 1, 2])
  }
}
