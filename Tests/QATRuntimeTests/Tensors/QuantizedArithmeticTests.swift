import QATCore
import QATIR
import QATKernels
import QATRuntime
import Testing

@Suite("Arithmetic on codes")
struct QuantizedArithmeticTests {
  static let grids: [(IntegerGrid, IntegerGrid)] = [
    (.uint8, .int8), (.int8, .int8), (.uint8, .uint8), (.int8, .uint8),
  ]

  // MARK: - Products

  @Test(
    "matrix products are sums in 64 bits, rescaled once, for odd sizes, batches and vectors",
    arguments: [
      ([3, 5], [5, 7]), ([1, 1], [1, 1]), ([17, 33], [33, 19]), ([2, 3, 4], [4, 5]),
      ([2, 3, 4], [2, 4, 5]), ([2, 1, 3, 4], [3, 4, 5]), ([3, 4], [2, 4, 5]), ([5], [5]),
      ([5], [5, 3]), ([3, 5], [5]), ([2, 3, 5], [5]), ([4, 129], [129, 65]), ([0, 3], [3, 2]),
      ([2, 0], [0, 3]), ([2, 3], [3, 0]), ([0, 2, 3], [3, 2]), ([3, 1, 2], [1, 2, 3]),
    ])
  func matmul(_ a: [Int], _ b: [Int]) throws {
    var random = RandomCodes(seed: UInt64(a.reduce(7, +) * 31 + b.reduce(3, +)))
    for (xGrid, wGrid) in Self.grids {
      for perColumn in [false, true] where !perColumn || b.count > 1 {
        let x = try random.tensor(a, xGrid)
        let w =
          try perColumn
          ? random.tensor(b, wGrid, axis: b.count - 1) : random.tensor(b, wGrid)
        let columns = b.count > 1 ? b[b.count - 1] : 1
        let bias = Tensor(
          shape: [columns],
          (0..<columns).map { _ in Int32.random(in: -5000...5000, using: &random) })
        var y = random.affine(xGrid)
        y.scale = 64 * random.scale()
        let result = try x.matmul(w, biasCodes: bias, to: y, on: ThreadPool(threads: 2))
        let (shape, expected) = try product(x, w, bias: bias.elements, to: y)
        #expect(result.shape == shape && result.integers == expected)
        try result.validate()
      }
    }
  }

  @Test(
    "a product to few bits saturates at the ends of the grid, as a Clip behind the product does")
  func narrowResult() throws {
    var random = RandomCodes(seed: 5)
    let narrow = try IntegerGrid(bits: 3, signed: true, narrow: true)
    let x = try random.tensor([9, 20], .uint8)
    let w = try random.tensor([20, 11], IntegerGrid(bits: 2, signed: true), axis: 1)
    let y = AffineGrid(scale: 30, zeroPoint: 1, grid: narrow)
    let result = try x.matmul(w, to: y)
    #expect(result.integers == (try product(x, w, bias: nil, to: y).codes))
    #expect(Set(result.integers).isSubset(of: Set(-3...3)) && result.integers.contains(3))
    let wide = try x.matmul(w, to: AffineGrid(scale: 30, zeroPoint: 1, grid: .int8))
    #expect(result.integers == wide.integers.map { max(-3, min(3, $0)) })
  }

  @Test("a bias of real numbers lies on the scale of the sums")
  func realBias() throws {
    var random = RandomCodes(seed: 6)
    let x = try random.tensor([4, 6], .uint8), w = try random.tensor([6, 5], .int8, axis: 1)
    let scale = try #require(x.parameters.perTensor).scale
    let step = try scale * #require(w.parameters.scales.max())
    let bias = random.floats([5], in: -20_000 * step...20_000 * step)
    let y = AffineGrid(scale: 300 * step, zeroPoint: 130, grid: .uint8)
    let codes = bias.elements.enumerated().map {
      Int32((Double($1) / Double(Float(scale * w.parameters.scales[$0]))).rounded(.toNearestOrEven))
    }
    let result = try x.matmul(w, bias: bias, to: y)
    #expect(result == (try x.matmul(w, biasCodes: Tensor(shape: [5], codes), to: y)))
    #expect(result.integers == (try product(x, w, bias: codes, to: y).codes))
    #expect(Set(result.integers).count > 5)
  }

  // MARK: - Convolutions

  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let x: [Int], w: [Int]
    var window = WindowAttributes()
    var groups = 1
  }

  static let convolutions = [
    Case(testDescription: "plain", x: [2, 3, 7, 9], w: [5, 3, 3, 2]),
    Case(testDescription: "1 x 1", x: [1, 5, 4, 3], w: [7, 5, 1, 1]),
    Case(
      testDescription: "strided and padded", x: [2, 3, 8, 7], w: [4, 3, 3, 3],
      window: .init(pads: [1, 0, 2, 1], strides: [2, 3])),
    Case(
      testDescription: "dilated", x: [1, 2, 11, 10], w: [3, 2, 3, 3],
      window: .init(pads: [2, 2, 2, 2], dilations: [3, 2])),
    Case(
      testDescription: "grouped", x: [2, 6, 5, 5], w: [9, 2, 3, 3],
      window: .init(pads: [1, 1, 1, 1]), groups: 3),
    Case(
      testDescription: "depthwise", x: [2, 5, 6, 7], w: [5, 1, 3, 3],
      window: .init(pads: [1, 1, 1, 1]), groups: 5),
    Case(
      testDescription: "depthwise, two filters a channel, strided and dilated", x: [1, 3, 9, 9],
      w: [6, 1, 3, 2], window: .init(pads: [2, 1, 0, 1], strides: [2, 1], dilations: [2, 2]),
      groups: 3),
    Case(
      testDescription: "padded as for equal size", x: [1, 2, 5, 6], w: [3, 2, 3, 4],
      window: .init(strides: [2, 2], autoPad: .sameUpper)),
    Case(testDescription: "no images", x: [0, 3, 5, 5], w: [2, 3, 3, 3]),
    Case(testDescription: "larger", x: [1, 17, 13, 11], w: [33, 17, 3, 3]),
  ]

  @Test("convolutions are sums in 64 bits, rescaled once", arguments: convolutions)
  func conv2d(_ example: Case) throws {
    var random = RandomCodes(seed: UInt64(example.w.reduce(1, *)))
    for (xGrid, wGrid) in Self.grids {
      for perChannel in [false, true] {
        let x = try random.tensor(example.x, xGrid)
        let w =
          try perChannel
          ? random.tensor(example.w, wGrid, axis: 0) : random.tensor(example.w, wGrid)
        let bias = Tensor(
          shape: [example.w[0]],
          (0..<example.w[0]).map { _ in Int32.random(in: -9000...9000, using: &random) })
        var y = random.affine(.int8)
        y.scale = 100 * random.scale()
        let result = try x.conv2d(
          w, biasCodes: bias, example.window, groups: example.groups, to: y,
          on: ThreadPool(threads: 2))
        let (shape, expected) = try convolution(x, w, bias: bias.elements, example, to: y)
        #expect(result.shape == shape && result.integers == expected)
        let zero = Tensor<Float>(shape: bias.shape)
        #expect(
          try x.conv2d(w, bias: zero, example.window, groups: example.groups, to: y)
            == x.conv2d(w, example.window, groups: example.groups, to: y))
      }
    }
  }

  // MARK: - Element by element

  @Test(
    "sums and products of unequal scales are within half a step of the real ones, and equal the graph's",
    arguments: [
      ([12], [12]), ([3, 5, 7], [3, 5, 7]), ([2, 3, 4], [3, 1]), ([2, 1, 3], [1, 4, 1]), ([5], []),
      ([], [5]), ([], []), ([1], [1, 1]), ([0, 3], [3]), ([2, 3], [1, 3]), ([4, 1], [4, 5]),
    ])
  func elementwise(_ a: [Int], _ b: [Int]) throws {
    var random = RandomCodes(seed: UInt64(a.count * 10 + b.count))
    for grid in [IntegerGrid.int8, .uint8] {
      for _ in 0..<8 {
        let x = try random.tensor(a, grid), y = try random.tensor(b, grid), c = random.affine(grid)
        let sum = try x.adding(y, to: c), product = try x.multiplied(by: y, to: c)
        #expect(sum.codes == (try graph(QLinearAdd(), x, y, c)))
        #expect(product.codes == (try graph(QLinearMul(), x, y, c)))
        try expect(sum, near: x, y, c, +)
        try expect(product, near: x, y, c, *)
      }
    }
  }

  @Test("a sum to few bits is that to 8 bits, clipped")
  func narrowSum() throws {
    var random = RandomCodes(seed: 8)
    let x = try random.tensor([300], .int8), y = try random.tensor([300], .int8)
    let narrow = try AffineGrid(
      scale: 2, zeroPoint: 1, grid: IntegerGrid(bits: 4, signed: true, narrow: true))
    let wide = AffineGrid(scale: 2, zeroPoint: 1, grid: .int8)
    func clipped(_ x: QuantizedTensor) -> [Int] { x.integers.map { max(-7, min(7, $0)) } }
    #expect(try x.adding(y, to: narrow).integers == clipped(x.adding(y, to: wide)))
    #expect(
      try x.multiplied(by: y, to: narrow).integers == clipped(x.multiplied(by: y, to: wide)))
  }

  @Test("scaling by a number changes the scale alone, or rounds to a given grid")
  func scaling() throws {
    var random = RandomCodes(seed: 9)
    let x = try random.tensor([50], .int8, axis: 0)
    let doubled = try x.scaled(by: 2)
    #expect(doubled.codes == x.codes)
    #expect(doubled.dequantized().elements == x.dequantized().elements.map { $0 * 2 })
    let one = try random.tensor([300], .uint8), y = random.affine(.uint8)
    let turned = try one.scaled(by: -0.75, to: y)
    #expect(turned.integers == one.dequantized().elements.map { y.quantize($0 * -0.75) })
    for factor in [0, -1, .nan, .infinity, 1e38] as [Float] {
      #expect(throws: Diagnostic.self) { try doubled.scaled(by: factor).scaled(by: factor) }
    }
    #expect(throws: Diagnostic.self) { try one.scaled(by: .infinity, to: y) }
  }

  // MARK: - Tables

  @Test("tables hold what dequantizing, the graph's function and quantizing give, for every code")
  func tables() throws {
    var random = RandomCodes(seed: 10)
    for name in ["i8", "u8", "i8n", "i4", "u3"] {
      let grid = try #require(IntegerGrid(name))
      let all = Array(grid.min...grid.max)
      for _ in 0..<4 {
        let x = try QuantizedTensor(
          codes: AnyTensor(grid.container, shape: [all.count], integers: all),
          QuantizationParameters(random.affine(grid)))
        let y = random.affine([IntegerGrid.int8, .uint8].randomElement(using: &random)!)
        func expected(_ op: any Operation) throws -> AnyTensor {
          let real = try ReferenceEvaluator.evaluate(op, [AnyTensor(x.dequantized())])[0]
          let zero = AnyTensor(y.grid.container, shape: [], integers: [y.zeroPoint])
          return try ReferenceEvaluator.evaluate(
            QuantizeLinear(), [real, AnyTensor(y.scale), zero])[0]
        }
        #expect(try x.relu(to: y).codes == expected(Relu()))
        #expect(try x.tanh(to: y).codes == expected(Tanh()))
        let zero = try #require(x.parameters.perTensor).zeroPoint
        #expect(try x.relu().integers == all.map { max($0, zero) })
        // The table's sigmoid is ONNX Runtime's polynomial: near the exact function's codes.
        let sigmoid = try x.sigmoid(), lowest = grid.isSigned ? -128 : 0
        for (code, real) in zip(sigmoid.integers, x.dequantized().elements) {
          let exact = 256 / (1 + Double.exponential(-Double(real)))
          #expect(abs(Double(code - lowest) - min(255, exact)) <= 0.51)
        }
        let tanh = try x.tanh(), unit = try #require(tanh.parameters.perTensor)
        #expect(tanh.codes == (try x.tanh(to: unit).codes) && unit.scale == 1.0 / 128)
        #expect(unit.zeroPoint == (grid.isSigned ? 0 : 128))
      }
    }
  }

  @Test("requantizing gives the codes of the numbers on the new grid, per channel or not")
  func requantizing() throws {
    var random = RandomCodes(seed: 11)
    let x = try random.tensor([3, 40], .int8, axis: 0), y = random.affine(.uint8)
    let one = try x.requantized(to: y)
    #expect(one.integers == x.dequantized().elements.map(y.quantize))
    #expect(try x.requantized(to: x.parameters) == x)
    let wide = try QuantizationParameters(scale: 0.001, grid: IntegerGrid(bits: 16, signed: true))
    #expect(try one.requantized(to: wide).codes.element == .i16)
    // Back on a finer grid nothing is lost.
    let fine = try QuantizationParameters(scale: 0.25, zeroPoint: 3, grid: .uint8)
    let coarse = try QuantizedTensor(codes: Tensor<UInt8>(shape: [3], [0, 3, 255]), fine)
    let sixteen = try QuantizationParameters(
      scale: 0.125, grid: IntegerGrid(bits: 16, signed: true))
    #expect(try coarse.requantized(to: sixteen).requantized(to: fine) == coarse)
  }
}

extension Double {
  /// eˣ, by halving: independent of the C library.
  fileprivate static func exponential(_ x: Double) -> Double {
    if abs(x) > 700 { return x > 0 ? .infinity : 0 }
    let small = x / 1024
    var term = 1.0, sum = 1.0
    for n in 1...12 {
      term *= small / Double(n)
      sum += term
    }
    for _ in 0..<10 { sum *= sum }
    return sum
  }
}

// MARK: - Plain loops

private func product(
  _ x: QuantizedTensor, _ w: QuantizedTensor, bias: [Int32]?, to y: AffineGrid
) throws -> (shape: [Int], codes: [Int]) {
  let shape = try #require(matMulShape(Shape(x.shape), Shape(w.shape)).sizes)
  let a = x.shape.count == 1 ? [1] + x.shape : x.shape
  let b = w.shape.count == 1 ? w.shape + [1] : w.shape
  let m = a[a.count - 2], k = a[a.count - 1], n = b[b.count - 1]
  let batch = shape.dropLast((x.shape.count > 1 ? 1 : 0) + (w.shape.count > 1 ? 1 : 0))
  let grid = try #require(x.parameters.perTensor)
  // The matrix of an operand at an index of the batch: axes of size 1 repeat.
  func matrix(_ index: Int, _ outer: [Int]) -> Int {
    var index = index, stride = 1, offset = 0
    for axis in 0..<batch.count {
      let size = batch[batch.count - 1 - axis], position = index % size
      index /= size
      guard axis < outer.count else { continue }
      let own = outer[outer.count - 1 - axis]
      offset += (own == 1 ? 0 : position) * stride
      stride *= own
    }
    return offset
  }
  let p = x.integers, q = w.integers
  var codes: [Int] = []
  for index in 0..<batch.reduce(1, *) {
    let first = matrix(index, a.dropLast(2)) * m * k, second = matrix(index, b.dropLast(2)) * k * n
    for row in 0..<m {
      for column in 0..<n {
        let channel = w.parameters.count == 1 ? 0 : column
        let weight = w.parameters[channel]
        var sum = Int64(bias?[column] ?? 0)
        for l in 0..<k {
          sum +=
            Int64(p[first + row * k + l] - grid.zeroPoint)
            * Int64(q[second + l * n + column] - weight.zeroPoint)
        }
        codes.append(requantizedInDouble(sum, grid.scale, weight.scale, y))
      }
    }
  }
  return (shape, codes)
}

private func convolution(
  _ x: QuantizedTensor, _ w: QuantizedTensor, bias: [Int32],
  _ example: QuantizedArithmeticTests.Case, to y: AffineGrid
) throws -> (shape: [Int], codes: [Int]) {
  let window = example.window, grid = try #require(x.parameters.perTensor)
  let (n, c, h, v) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
  let (m, kh, kw) = (w.shape[0], w.shape[2], w.shape[3])
  let stride = window.strides.isEmpty ? [1, 1] : window.strides
  let dilation = window.dilations.isEmpty ? [1, 1] : window.dilations
  var pads = window.pads.isEmpty ? [0, 0, 0, 0] : window.pads
  if window.autoPad == .sameUpper {
    for (axis, size) in [h, v].enumerated() {
      let kernel = [kh, kw][axis]
      let total = max(
        0, ((size + stride[axis] - 1) / stride[axis] - 1) * stride[axis] + kernel - size)
      (pads[axis], pads[axis + 2]) = (total / 2, total - total / 2)
    }
  }
  let oh = (h + pads[0] + pads[2] - dilation[0] * (kh - 1) - 1) / stride[0] + 1
  let ow = (v + pads[1] + pads[3] - dilation[1] * (kw - 1) - 1) / stride[1] + 1
  let p = x.integers, q = w.integers, perGroup = c / example.groups
  var codes: [Int] = []
  for image in 0..<n {
    for channel in 0..<m {
      let weight = w.parameters[w.parameters.count == 1 ? 0 : channel]
      let first = channel / (m / example.groups) * perGroup
      for row in 0..<oh {
        for column in 0..<ow {
          var sum = Int64(bias[channel])
          for input in 0..<perGroup {
            for i in 0..<kh {
              for j in 0..<kw {
                let r = row * stride[0] - pads[0] + i * dilation[0]
                let s = column * stride[1] - pads[1] + j * dilation[1]
                guard (0..<h).contains(r), (0..<v).contains(s) else { continue }
                let code = p[((image * c + first + input) * h + r) * v + s]
                let factor = q[((channel * perGroup + input) * kh + i) * kw + j]
                sum += Int64(code - grid.zeroPoint) * Int64(factor - weight.zeroPoint)
              }
            }
          }
          codes.append(requantizedInDouble(sum, grid.scale, weight.scale, y))
        }
      }
    }
  }
  return ([n, m, oh, ow], codes)
}

/// The graph's operation on the same codes.
private func graph(
  _ op: any Operation, _ a: QuantizedTensor, _ b: QuantizedTensor, _ c: AffineGrid
) throws -> AnyTensor {
  func parameters(_ grid: AffineGrid) -> [AnyTensor] {
    [
      AnyTensor(grid.scale), AnyTensor(grid.grid.container, shape: [], integers: [grid.zeroPoint]),
    ]
  }
  let x = try #require(a.parameters.perTensor), y = try #require(b.parameters.perTensor)
  return try ReferenceEvaluator.evaluate(
    op, [a.codes] + parameters(x) + [b.codes] + parameters(y) + parameters(c))[0]
}

/// Each code is within half a step, and float32's error, of `f` of the real numbers.
private func expect(
  _ result: QuantizedTensor, near a: QuantizedTensor, _ b: QuantizedTensor, _ c: AffineGrid,
  _ f: (Double, Double) -> Double
) throws {
  func value(_ x: QuantizedTensor, _ index: [Int]) -> Double {
    let own = Array(index.suffix(x.shape.count))
    let offset = zip(zip(own, x.shape), rowMajorStrides(x.shape)).reduce(0) {
      $0 + ($1.0.1 == 1 ? 0 : $1.0.0) * $1.1
    }
    let grid = x.parameters[0]
    return Double(x.integers[offset] - grid.zeroPoint) * Double(grid.scale)
  }
  let strides = rowMajorStrides(result.shape)
  for (offset, code) in result.integers.enumerated() {
    let index = zip(strides, result.shape).map { offset / $0 % $1 }
    let real = f(value(a, index), value(b, index)) / Double(c.scale) + Double(c.zeroPoint)
    let ideal = min(max(real, Double(c.grid.min)), Double(c.grid.max))
    #expect(abs(Double(code) - ideal) <= 0.5 + abs(real) * 1e-6 + 1e-3)
  }
}
