import QATCore
import QATIR
import QATRuntime
import Testing

@Suite("Fake quantization")
struct QuantizedTrainingTests {
  private static let grids = [
    "i8", "i8n", "u8", "u8n", "i4", "i4n", "u4", "i2", "u2", "i3", "u7", "i16", "u16",
  ]

  /// Values on, next to and between all steps of a grid and a few beyond both ends.
  private func values(_ grid: IntegerGrid, _ scale: Float, _ zeroPoint: Int) -> [Float] {
    // All codes of small grids, the borders and the zero of 16 bits.
    let codes =
      grid.bits <= 8
      ? Array(grid.min - 3...grid.max + 3)
      : [grid.min, grid.max, zeroPoint].flatMap { Array($0 - 3...$0 + 3) }
    return codes.flatMap { code -> [Float] in
      let step = Float(code - zeroPoint)
      return [step * scale, (step + 0.5) * scale].flatMap { [$0.nextDown, $0, $0.nextUp] }
    } + [0, -0.0, .infinity, -.infinity, 1e30, -1e30]
  }

  @Test("agrees with quantizing and dequantizing, bit for bit", arguments: grids)
  func agreement(_ name: String) throws {
    let grid = try #require(IntegerGrid(name))
    for scale in [Float(0.25), 0.1, 1, 3.3e-5] {
      for zero in Set([grid.min, grid.min + 1, 0, (grid.min + grid.max) / 2, grid.max])
      where (grid.min...grid.max).contains(zero) {
        let x = values(grid, scale, zero)
        let tensor = AnyTensor(shape: [x.count], x)
        let fake = try ReferenceEvaluator.evaluate(
          FakeQuantize(grid: grid), [tensor, AnyTensor(scale), AnyTensor(Int32(zero))])[0]
        let zeroPoint = AnyTensor(grid.container, shape: [], integers: [zero])
        let codes = try ReferenceEvaluator.evaluate(
          QuantizeLinear(), [tensor, AnyTensor(scale), zeroPoint])[0]
        // A grid narrower than its container is a clip of the container's codes.
        let clipped = AnyTensor(
          grid.container, shape: [x.count],
          integers: (codes.integers ?? []).map { Swift.min(Swift.max($0, grid.min), grid.max) })
        let real = try ReferenceEvaluator.evaluate(
          DequantizeLinear(), [clipped, AnyTensor(scale), zeroPoint])[0]
        #expect(fake == real, "scale \(scale), zero point \(zero)")
      }
    }
  }

  @Test("has the clipped gradient, tested before saturation, on every border", arguments: grids)
  func clippedGradient(_ name: String) throws {
    let grid = try #require(IntegerGrid(name))
    let scale: Float = 0.1
    for zero in Set([grid.min, grid.max, (grid.min + grid.max) / 2]) {
      let x = values(grid, scale, zero)
      let dy = x.indices.map { Float($0) + 1 }
      let dx = try ReferenceEvaluator.evaluate(
        FakeQuantizeGradient(grid: grid),
        [
          AnyTensor(shape: [x.count], dy), AnyTensor(shape: [x.count], x), AnyTensor(scale),
          AnyTensor(Int32(zero)),
        ])[0]
      let expected = zip(x, dy).map { x, dy -> Float in
        let code = (x / scale).rounded(.toNearestOrEven) + Float(zero)
        return Float(grid.min) <= code && code <= Float(grid.max) ? dy : 0
      }
      #expect(dx.elements() == expected)
    }
  }

  @Test("computes in double precision per channel, and is the identity while bypassed")
  func doubleAndBypass() throws {
    let x = AnyTensor(shape: [2, 2], [0.26, 0.74, 0.26, 100] as [Double])
    let scale = AnyTensor(shape: [2], [0.5, 0.1] as [Double])
    let zero = AnyTensor(shape: [2], [0, 1] as [Int32])
    var op = FakeQuantize(grid: .int8, axis: 0)
    let y: [Double]? = try ReferenceEvaluator.evaluate(op, [x, scale, zero])[0].elements()
    #expect(y == [0.5, 0.5, 3 * 0.1, 126 * 0.1])
    op.bypass = true
    #expect(try ReferenceEvaluator.evaluate(op, [x, scale, zero])[0] == x)
  }

  @Test("emits the gradient that its attribute names")
  func emittedGradients() throws {
    func gradient(_ op: any Differentiable, _ operands: [AnyTensor]) throws -> (Graph, ValueID?) {
      var graph = Graph(name: "g")
      let ids = operands.enumerated().map { graph.addInput("x\($0)", $1.type) }
      let seed = graph.addInput("dy", operands[0].type)
      var builder = GraphBuilder(graph)
      let call = GradientCall(operands: ids, results: [], seeds: [seed], needs: [true, true, true])
      let result = try op.gradients(of: call, in: &builder)
      #expect(
        builder.failure == nil && result.count == operands.count
          && result[1...].allSatisfy { $0 == nil })
      return (builder.graph, result[0])
    }
    let operands = [
      AnyTensor(shape: [3], [1, 2, 3] as [Float]), AnyTensor(Float(1)), AnyTensor(Int32(0)),
    ]
    let (clipped, dx) = try gradient(FakeQuantize(grid: .int8), operands)
    #expect(clipped.operation(FakeQuantizeGradient.self, of: dx)?.op.grid == .int8)
    let (plain, same) = try gradient(FakeQuantize(grid: .int8, straightThrough: "plain"), operands)
    #expect(same == plain.value(named: "dy"))
    let scales = [operands[0], operands[1], operands[1]]
    let (bias, db) = try gradient(FakeQuantizeBias(), scales)
    #expect(db == bias.value(named: "dy"))
  }

  @Test("of a bias agrees with its int32 codes")
  func biases() throws {
    let b: [Float] = [0.5, -0.75, 1e9, -1e9]
    let xScale: Float = 0.3
    let wScales: [Float] = [0.1, 0.5, 0.01, 7e-9]
    let y = try ReferenceEvaluator.evaluate(
      FakeQuantizeBias(),
      [AnyTensor(shape: [4], b), AnyTensor(xScale), AnyTensor(shape: [4], wScales)])[0]
    let expected = zip(b, wScales).map { b, w in
      let scale = biasScale(xScale, w)
      return Float(quantizedBias(b, scale: scale)) * scale
    }
    #expect(y.elements() == expected)
  }

  @Test("ranges give scales, all-zero channels the tensor's, NaN an error")
  func scales() throws {
    let op = ScaleFromRange(grid: .int8, scheme: .symmetric)
    let low = AnyTensor(shape: [3], [-1, 0, -0.5] as [Float])
    let high = AnyTensor(shape: [3], [0.5, 0, 2] as [Float])
    let results = try ReferenceEvaluator.evaluate(op, [low, high], resultCount: 2)
    #expect(results[0].elements() == [1 / 127, 2 / 127, 2 / 127] as [Float])
    #expect(results[1].integers == [0, 0, 0])
    #expect(throws: Diagnostic.self) {
      try ReferenceEvaluator.evaluate(op, [AnyTensor(Float.nan), AnyTensor(Float(1))])
    }
  }

  @Test("the smallest and largest elements, by tensor and by channel; NaN is not hidden")
  func minMax() throws {
    let x = AnyTensor(shape: [2, 3], [1, -2, 3, 0, 5, .nan] as [Float])
    let channels = try ReferenceEvaluator.evaluate(MinMax(axis: 1), [x], resultCount: 2)
    let low: [Float] = channels[0].elements() ?? []
    let high: [Float] = channels[1].elements() ?? []
    #expect(
      low[0] == 0 && low[1] == -2 && low[2].isNaN && high[0] == 1 && high[1] == 5 && high[2].isNaN)
    let all = try ReferenceEvaluator.evaluate(MinMax(), [x], resultCount: 2)
    #expect(all[0].elements(as: Float.self)?.first?.isNaN == true)
  }

  @Test("an observer sets, moves, skips and freezes its range")
  func observe() throws {
    func run(_ op: Observe, _ batches: [[Float]]) throws -> [[Float]] {
      var state = [AnyTensor(Float(0)), AnyTensor(Float(0)), AnyTensor(Int64(0))]
      return try batches.map { batch in
        state = try ReferenceEvaluator.evaluate(
          op, [AnyTensor(shape: [batch.count], batch)] + state, resultCount: 3)
        return state.map { Float($0.doubles?.first ?? .nan) }
      }
    }
    let batches: [[Float]] = [[1, 2], [-1, 1], [0, 6]]
    #expect(try run(Observe(.minMax), batches) == [[1, 2, 1], [-1, 2, 2], [-1, 6, 3]])
    #expect(
      try run(Observe(.movingAverage, momentum: 0.5), batches)
        == [[1, 2, 1], [0, 1.5, 2], [0, 3.75, 3]])
    #expect(try run(Observe(.minMax, every: 2), batches) == [[1, 2, 1], [1, 2, 2], [0, 6, 3]])
    #expect(try run(Observe(.minMax, limit: 2), batches) == [[1, 2, 1], [-1, 2, 2], [-1, 2, 3]])
    var evaluation = Observe(.minMax)
    evaluation.training = false
    #expect(try run(evaluation, batches) == [[0, 0, 0], [0, 0, 0], [0, 0, 0]])
    let error = #expect(throws: Diagnostic.self) { try run(Observe(.minMax), [[1, .infinity]]) }
    #expect(error?.code == .invalidData)
  }

  @Test("assigning has no result and evaluates to the value")
  func assign() throws {
    let a = AnyTensor(Float(1))
    let b = AnyTensor(Float(2))
    let call = EvaluationCall(operands: [a, b], resultTypes: [])
    #expect(try Assign().evaluate(call) == [b])
    #expect(throws: Diagnostic.self) {
      try Assign().resultTypes(
        Operands([.init(TensorType(.f32, [2])), .init(TensorType(.f32, [3]))]))
    }
  }
}
