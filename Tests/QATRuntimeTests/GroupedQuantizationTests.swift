import QATCore
import QATIR
import QATRuntime
import Testing

@Suite("Scales per group")
struct GroupedQuantizationTests {
  /// Shapes, axis and block: the axis in front, in the middle and last; tails; a block longer than the
  /// axis; a block of one.
  private static let cases: [([Int], Int, Int)] = [
    ([5, 3], 0, 2), ([3, 5], 1, 2), ([2, 7, 3], 1, 3), ([4, 64], -1, 32), ([4, 70], 1, 32),
    ([6, 5, 3, 3], 1, 4), ([3, 4], 1, 9), ([3, 4], 0, 1), ([1, 1], 0, 2),
  ]

  private func parameterShape(_ shape: [Int], _ axis: Int, _ block: Int) -> [Int] {
    var result = shape
    let axis = axis < 0 ? axis + shape.count : axis
    result[axis] = (shape[axis] + block - 1) / block
    return result
  }

  /// The parameter of an element by its indices, written out.
  private func parameter(_ element: Int, _ shape: [Int], _ axis: Int, _ block: Int) -> Int {
    let axis = axis < 0 ? axis + shape.count : axis
    var index: [Int] = [], rest = element
    for size in shape.reversed() {
      index.insert(rest % size, at: 0)
      rest /= size
    }
    index[axis] /= block
    return zip(index, parameterShape(shape, axis, block)).reduce(0) { $0 * $1.1 + $1.0 }
  }

  @Test("fake quantization and its gradient follow the formula, in kernels and reference")
  func formula() throws {
    for (shape, axis, block) in Self.cases {
      for name in ["i4", "u8", "i8n"] {
        let grid = try #require(IntegerGrid(name))
        let count = shape.reduce(1, *), groups = parameterShape(shape, axis, block)
        let x = (0..<count).map { Float(($0 * 37) % 101 - 50) / 8 }
        let dy = (0..<count).map { Float($0 % 13) - 6 }
        let scales = (0..<groups.reduce(1, *)).map { [0.25, 0.1, 1, 0.0625][$0 % 4] as Float }
        let zeros = scales.indices.map { Int32(max(grid.min, min(grid.max, $0 % 5 - 1))) }
        var expected: [Float] = [], mask: [Float] = []
        for (element, number) in x.enumerated() {
          let p = parameter(element, shape, axis, block)
          let code = Int((number / scales[p]).rounded(.toNearestOrEven)) + Int(zeros[p])
          expected.append(Float(min(max(code, grid.min), grid.max) - Int(zeros[p])) * scales[p])
          mask.append((grid.min...grid.max).contains(code) ? dy[element] : 0)
        }
        let operands = [
          AnyTensor(shape: shape, x), AnyTensor(shape: groups, scales),
          AnyTensor(shape: groups, zeros),
        ]
        let op = FakeQuantize(grid: grid, axis: axis, blockSize: block)
        let gradient = FakeQuantizeGradient(grid: grid, axis: axis, blockSize: block)
        let both: [(any Operation, [AnyTensor], [Float])] = [
          (op, operands, expected),
          (gradient, [AnyTensor(shape: shape, dy)] + operands, mask),
        ]
        for (op, operands, expected) in both {
          let reference = try ReferenceEvaluator.evaluate(op, operands)[0]
          #expect(reference.elements() == expected, "\(shape) along \(axis) by \(block)")
          #expect(try run(op, operands) == reference, "\(shape) along \(axis) by \(block)")
        }
      }
    }
  }

  /// An operation by its kernel: operands are inputs, so that nothing is evaluated ahead.
  private func run(_ op: any Operation, _ operands: [AnyTensor]) throws -> AnyTensor {
    var builder = GraphBuilder(Graph(name: "g"))
    let ids = operands.enumerated().map { builder.graph.addInput("x\($0)", $1.type) }
    let y = builder.emit(op, ids)
    builder.graph.setOutputs([y])
    if let failure = builder.failure { throw failure }
    var feeds: [String: AnyTensor] = [:]
    for (index, operand) in operands.enumerated() { feeds["x\(index)"] = operand }
    return try Session(builder.graph).run(feeds)[0]
  }

  @Test("ranges are those of each block")
  func ranges() throws {
    for (shape, axis, block) in Self.cases {
      let x = (0..<shape.reduce(1, *)).map { Float(($0 * 37) % 101 - 50) }
      let groups = parameterShape(shape, axis, block)
      var low = Array(repeating: Float.infinity, count: groups.reduce(1, *))
      var high = low.map { -$0 }
      for (element, number) in x.enumerated() {
        let p = parameter(element, shape, axis, block)
        (low[p], high[p]) = (min(low[p], number), max(high[p], number))
      }
      let ranges = try ReferenceEvaluator.evaluate(
        MinMax(axis: axis, blockSize: block), [AnyTensor(shape: shape, x)], resultCount: 2)
      #expect(ranges == [AnyTensor(shape: groups, low), AnyTensor(shape: groups, high)])
    }
  }

  @Test("parameters of another shape, and blocks without an axis, are refused")
  func mistakes() {
    let x = AnyTensor(shape: [4, 3], Array(repeating: Float(1), count: 12))
    let wrong = AnyTensor(shape: [3], [Float(1), 1, 1])
    let zero = AnyTensor(shape: [3], [Int32(0), 0, 0])
    for op in [
      FakeQuantize(grid: .int8, axis: 0, blockSize: 2), FakeQuantize(grid: .int8, blockSize: 2),
      FakeQuantize(grid: .int8, axis: 0, blockSize: -1),
    ] {
      #expect(throws: Diagnostic.self) { try ReferenceEvaluator.evaluate(op, [x, wrong, zero]) }
    }
  }
}
