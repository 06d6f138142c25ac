import QATCore
import QATIR
import QATRuntime
import Testing

@Suite("Primitives of integer arithmetic")
struct PrimitivesTests {
  @Test("a region is copied, and nothing around it")
  func copy() throws {
    let source = Tensor<Int16>(shape: [3, 4], (0..<12).map(Int16.init))
    var target = Tensor<Int16>(shape: [2, 5], repeating: -1)
    let untouched = target
    try Primitives.copy(source, region: [1..<3, 1..<4], into: &target, at: [0, 2])
    #expect(target.elements == [-1, -1, 5, 6, 7, -1, -1, 9, 10, 11])
    #expect(untouched.elements.allSatisfy { $0 == -1 })
    try Primitives.copy(source, region: [1..<1, 0..<4], into: &target, at: [2, 1])
    for (region, index) in [
      ([0..<4, 0..<1], [0, 0]), ([0..<1, 0..<4], [0, 2]), ([0..<1], [0]),
      ([0..<3, 0..<1], [0, 0]),
    ] {
      let error = #expect(throws: Diagnostic.self) {
        try Primitives.copy(source, region: region, into: &target, at: index)
      }
      #expect(error?.code == .shapeMismatch)
    }
  }

  @Test("axes take another order, for elements of 1, 2, 4 and 8 bytes")
  func transpose() throws {
    func check<Scalar: TensorScalar & BinaryInteger>(_: Scalar.Type) throws {
      let x = Tensor<Scalar>(shape: [2, 3, 35], (0..<210).map { Scalar(truncatingIfNeeded: $0) })
      let y = try Primitives.transposed(x, axes: [2, 0, 1])
      #expect(y.shape == [35, 2, 3])
      for i in 0..<2 {
        for j in 0..<3 { for k in 0..<35 { #expect(y[k, i, j] == x[i, j, k]) } }
      }
      #expect(try Primitives.transposed(Primitives.transposed(x)) == x)
    }
    try check(UInt8.self)
    try check(Int16.self)
    try check(UInt32.self)
    try check(Int64.self)
    #expect(throws: Diagnostic.self) {
      try Primitives.transposed(Tensor<Float>(shape: [2, 2]), axes: [0, 0])
    }
  }

  @Test("integer products are exact modulo 2³², in batches, with a bias and zero points")
  func multiply() throws {
    var random = RandomCodes(seed: 20)
    let a = Tensor<UInt8>(
      shape: [2, 5, 33], random.codes([2, 5, 33], .uint8).map { UInt8($0) })
    let b = Tensor<Int8>(shape: [2, 33, 7], random.codes([2, 33, 7], .int8).map { Int8($0) })
    let zeros: [Int8] = [-128, 127, 0, 1, -1, 5, 9]
    let bias = Tensor<Int32>(shape: [7], [.max, .min, 0, 1, 2, 3, 4])
    let sums = try Primitives.multiply(a, zeroPoint: 200, b, zeroPoints: zeros, bias: bias)
    for batch in 0..<2 {
      for i in 0..<5 {
        for j in 0..<7 {
          let exact = (0..<33).reduce(Int64(bias[j])) {
            $0 + (Int64(a[batch, i, $1]) - 200) * (Int64(b[batch, $1, j]) - Int64(zeros[j]))
          }
          #expect(sums[batch, i, j] == Int32(truncatingIfNeeded: exact))
        }
      }
    }
    let y = AffineGrid(scale: 3, zeroPoint: -7, grid: .int8)
    let multipliers = (0..<7).map { 0.001 * Float($0 + 1) }
    let codes = try Primitives.requantize(sums, multipliers: multipliers, to: y, as: Int8.self)
    for (index, sum) in sums.elements.enumerated() {
      #expect(Int(codes.elements[index]) == y.requantize(sum, by: multipliers[index % 7]))
    }
    #expect(
      try Primitives.requantize(
        Tensor<Int32>(shape: [0, 3]), multipliers: [1, 1, 1], to: y, as: Int8.self
      ).count == 0)
    #expect(throws: Diagnostic.self) { try Primitives.multiply(a, b, zeroPoints: [0, 0]) }
    #expect(throws: Diagnostic.self) {
      try Primitives.requantize(sums, multipliers: [1, 2], to: y, as: Int8.self)
    }
    #expect(throws: Diagnostic.self) {
      try Primitives.requantize(sums, multipliers: [1], to: y, as: UInt8.self)
    }
  }

  @Test("a convolution is weights times columns, padded with the zero point")
  func columns() throws {
    var random = RandomCodes(seed: 21)
    let window = WindowAttributes(pads: [1, 2, 0, 1], strides: [2, 1], dilations: [1, 2])
    let x = try random.tensor([2, 3, 7, 6], .uint8)
    let w = try random.tensor([5, 3, 3, 2], .int8)
    let images = try #require(Tensor<UInt8>(x.codes))
    let filters = try #require(Tensor<Int8>(w.codes)).reshaped([5, 18])
    let grid = try #require(x.parameters.perTensor), weight = try #require(w.parameters.perTensor)
    let y = AffineGrid(scale: 90, zeroPoint: 4, grid: .uint8)
    let columns = try Primitives.columns(
      of: images, kernel: [3, 2], window, padding: UInt8(grid.zeroPoint))
    let convolved = try x.conv2d(w, window, to: y)
    #expect(columns.shape == [2, 18, convolved.shape[2] * convolved.shape[3]])
    let flipped = try Primitives.multiply(
      Primitives.transposed(columns, axes: [0, 2, 1]), zeroPoint: UInt8(grid.zeroPoint),
      Primitives.transposed(filters), zeroPoints: [Int8(weight.zeroPoint)])
    let codes = try Primitives.requantize(
      Primitives.transposed(flipped, axes: [0, 2, 1]),
      multipliers: [requantizationMultiplier(grid.scale, weight.scale, y.scale)], to: y,
      as: UInt8.self)
    #expect(codes.reshaped(convolved.shape) == Tensor(convolved.codes))
  }

  @Test("columns of floats go back to the pixels they came from: <Ax, y> = <x, Aᵀy>")
  func adjoint() throws {
    var random = RandomCodes(seed: 22)
    let window = WindowAttributes(pads: [2, 1, 1, 0], strides: [1, 2], dilations: [2, 1])
    let x = random.floats([2, 3, 6, 7])
    let columns = try Primitives.columns(of: x, kernel: [2, 3], window)
    let y = random.floats(columns.shape)
    let back = try Primitives.images(from: y, shape: x.shape, kernel: [2, 3], window)
    func dot(_ a: Tensor<Float>, _ b: Tensor<Float>) -> Double {
      zip(a.elements, b.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    #expect(abs(dot(columns, y) - dot(x, back)) < 1e-4)
    #expect(
      try Primitives.columns(of: Tensor<Float>(shape: [0, 1, 3, 3]), kernel: [2, 2]).shape == [
        0, 4, 4,
      ])
    #expect(throws: Diagnostic.self) { try Primitives.columns(of: x, kernel: [3]) }
    #expect(throws: Diagnostic.self) { try Primitives.columns(of: x, kernel: [9, 9]) }
    #expect(throws: Diagnostic.self) {
      try Primitives.images(from: y, shape: [2, 3, 6, 8], kernel: [2, 3], window)
    }
  }
}
