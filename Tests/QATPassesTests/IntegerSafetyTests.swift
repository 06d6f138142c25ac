import QATCore
import QATIR
import QATRewrite
import QATRuntime
import Testing

@testable import QATPasses

@Suite("Integer safety")
struct IntegerSafetyTests {
  /// A product of one row of codes with a matrix of codes, u8 or i8 either way.
  private func product(
    _ x: ElementType, zero: Int, weights: AnyTensor, weightZeros: AnyTensor
  ) throws -> (Graph, NodeID) {
    var graph = Graph(name: "g")
    let a = graph.addInput("x", TensorType(x, [1, Dimension(weights.shape[0])]))
    let w = graph.addConstant("w", weights)
    let za = graph.addConstant("za", AnyTensor(x, shape: [], integers: [zero]))
    let zw = graph.addConstant("zw", weightZeros)
    let node = try graph.addNode(MatMulInteger(), [a, w, za, zw], name: "product")
    graph.setOutputs([graph[node].result])
    return (graph, node)
  }

  @Test("the bounds of a sum are what the least favourable codes give, to the last unit")
  func boundsAreReached() throws {
    var numbers = SeededNumbers(seed: 3)
    for (x, w) in [(ElementType.u8, ElementType.i8), (.u8, .u8), (.i8, .i8)] {
      for inner in [1, 2, 7, 100] {
        let grid = try #require(IntegerGrid(codesOf: x)),
          other = try #require(IntegerGrid(codesOf: w))
        func code(_ grid: IntegerGrid) -> Int { grid.min + Int(numbers.next() % 256) }
        let columns = 3, zero = code(grid)
        let weights = (0..<inner * columns).map { _ in code(other) }
        let zeros = (0..<columns).map { _ in code(other) }
        let (graph, node) = try product(
          x, zero: zero, weights: AnyTensor(w, shape: [inner, columns], integers: weights),
          weightZeros: AnyTensor(w, shape: [columns], integers: zeros))
        let op = try #require(graph[node].op as? any HasAccumulators)
        let ranges = try #require(op.accumulators(of: node, in: graph)).ranges
        for n in 0..<columns {
          let row = (0..<inner).map { weights[$0 * columns + n] - zeros[n] }
          let highest = row.map { $0 > 0 ? grid.max : grid.min }
          let lowest = row.map { $0 > 0 ? grid.min : grid.max }
          // In Int64, and as the operation itself computes it.
          for (codes, bound) in [
            (highest, ranges[n].upperBound), (lowest, ranges[n].lowerBound),
          ] {
            let sum = zip(row, codes).reduce(0) { $0 + $1.0 * ($1.1 - zero) }
            #expect(sum == bound)
            let y = try ReferenceEvaluator(graph).evaluate([
              "x": AnyTensor(x, shape: [1, inner], integers: codes)
            ])
            #expect(y.values[graph[graph[node].result].name]?.integers?[n] == bound)
          }
        }
      }
    }
  }

  @Test("the bounds of a convolution hold with padding and groups, and are reached inside")
  func convolutions() throws {
    var numbers = SeededNumbers(seed: 5)
    var graph = Graph(name: "g")
    let x = graph.addInput("x", TensorType(.u8, [1, 4, 3, 3]))
    let weights = (0..<6 * 2 * 9).map { _ in Int(numbers.next() % 255) - 127 }
    let w = graph.addConstant("w", AnyTensor(.i8, shape: [6, 2, 3, 3], integers: weights))
    // A zero point beyond what the codes reach: padding is then outside of them.
    let low = graph.addConstant("low", AnyTensor(UInt8(10)))
    let high = graph.addConstant("high", AnyTensor(UInt8(200)))
    let zero = graph.addConstant("zero", AnyTensor(UInt8(5)))
    let clip = try graph.addNode(Clip(), [x, low, high], name: "clip")
    let conv = try graph.addNode(
      ConvInteger(WindowAttributes(pads: [1, 1, 1, 1]), group: 2),
      [graph[clip].result, w, zero, nil], name: "conv")
    graph.setOutputs([graph[conv].result])
    let op = try #require(graph[conv].op as? any HasAccumulators)
    let ranges = try #require(op.accumulators(of: conv, in: graph)).ranges
    #expect(ranges.count == 6)
    for m in 0..<6 {
      let filter = Array(weights[m * 18..<(m + 1) * 18])
      // The middle window sees no padding: each weight may meet a code of 10 to 200, or a padded 5.
      let high = filter.reduce(0) { $0 + ($1 > 0 ? $1 * 195 : 0) }
      let low = filter.reduce(0) { $0 + ($1 < 0 ? $1 * 195 : 0) }
      #expect(ranges[m] == low...high)
      var codes = Array(repeating: 10, count: 36)
      for (index, weight) in filter.enumerated() where weight > 0 {
        codes[(m / 3) * 18 + index] = 255
      }
      let y = try ReferenceEvaluator(graph).evaluate([
        "x": AnyTensor(.u8, shape: [1, 4, 3, 3], integers: codes)
      ])
      let sums = try #require(y.values[graph[graph[conv].result].name]?.integers)
      let middle = sums[m * 9 + 4]
      #expect(middle <= ranges[m].upperBound && middle >= ranges[m].upperBound - 5 * 18 * 127)
      #expect(sums[m * 9..<(m + 1) * 9].allSatisfy(ranges[m].contains))
    }
  }

  /// x u8 [1, K] · w [K, 2] between grids, with a bias; the first column may go beyond int32.
  private func long(
    _ inner: Int, xZero: Int, bias: [Float] = [0, 0], _ weight: (Int, Int) -> Float
  ) throws -> Graph {
    var graph = Graph(name: "long")
    let x = graph.addInput("x", TensorType(.f32, [Dimension(symbol: "N"), Dimension(inner)]))
    let w = graph.addConstant(
      "w", AnyTensor(shape: [inner, 2], (0..<inner * 2).map { weight($0 / 2, $0 % 2) }))
    let b = graph.addConstant("b", AnyTensor(shape: [2], bias))
    let sx = graph.addConstant("sx", AnyTensor(Float(0.5)))
    let zx = graph.addConstant("zx", AnyTensor(Int32(xZero)))
    let sw = graph.addConstant("sw", AnyTensor(shape: [2], [Float(0.3), 0.3]))
    let zw = graph.addConstant("zw", AnyTensor(shape: [2], [Int32(0), 0]))
    let sy = graph.addConstant("sy", AnyTensor(Float(3e6)))
    let zy = graph.addConstant("zy", AnyTensor(Int32(128)))
    var builder = GraphBuilder(graph)
    let grid = try #require(IntegerGrid("i8n"))
    let qx = builder.emit(FakeQuantize(grid: .uint8), [x, sx, zx], name: "qx")
    let qw = builder.emit(FakeQuantize(grid: grid, axis: 1), [w, sw, zw], name: "qw")
    let qb = builder.emit(FakeQuantizeBias(), [b, sx, sw], name: "qb")
    let h = builder.emit(Gemm(), [qx, qw, qb], name: "fc")
    let y = builder.emit(FakeQuantize(grid: .uint8), [h, sy, zy], name: "y")
    builder.graph.setOutputs([y])
    return builder.graph
  }

  /// The bounds of the QGemm that a graph is lowered to, after its own arithmetic in Int64.
  private func worstSums(_ graph: Graph) throws -> (sums: [Int], weights: [Int], bias: [Int]) {
    let node = try #require(graph.nodes.first { graph[$0].op is QGemm })
    let operands = graph[node].operands
    let weights = try #require(operands[3].flatMap { graph[$0].constant?.integers })
    let bias = try #require(operands[6].flatMap { graph[$0].constant?.integers })
    let zero = try #require(operands[2].flatMap { graph[$0].constant?.integers?.first })
    var sums = bias + bias
    for (index, weight) in weights.enumerated() {
      sums[index % 2] += weight * ((weight > 0 ? 255 : 0) - zero)
      sums[2 + index % 2] += weight * ((weight > 0 ? 0 : 255) - zero)
    }
    return (sums, weights, bias)
  }

  private func lowered(_ graph: Graph, _ context: inout PassContext) throws -> Graph {
    var result = graph
    try Pipeline("lower-qoperator", registry: .withPipelines).run(on: &result, &context)
    return result
  }

  @Test(
    "a sum that would leave int32 gets a larger scale, in the quantized graph and in the integers")
  func repairs() throws {
    let inner = 70_000
    var graph = try long(inner, xZero: 0) { $1 == 0 ? 38.1 : Float($0 % 255 - 127) * 0.3 }
    // What it would be: 70000 · 127 · 255 > 2³¹ in the first column, far less in the second.
    #expect(inner * 127 * 255 > Int(Int32.max))
    var context = PassContext()
    try ProveIntegerSafety().run(on: &graph, &context)
    let warnings = context.remarks.filter { $0.severity == .warning }
    #expect(warnings.count == 1)
    #expect(warnings.first?.message.contains("channel 0") ?? false)
    #expect(warnings.first?.message.contains("\(inner * 127 * 255)") ?? false)
    let repaired = graph
    try ProveIntegerSafety(summary: false).run(on: &graph, &context)
    #expect(graph == repaired, "what is proven stays")
    let integers = try lowered(graph, &context)
    let worst = try worstSums(integers)
    #expect(worst.sums.allSatisfy { $0 <= Int(Int32.max) && $0 >= Int(Int32.min) })
    // No more than was needed: one step less of each weight would still fit, one more would not.
    #expect((worst.sums.map(abs).max() ?? 0) > Int(Int32.max) * 97 / 100)
    #expect(worst.weights.enumerated().allSatisfy { $0 % 2 == 1 || $1 == 120 })
    // The codes of the fake-quantized graph are those of the integers, on the worst input as well.
    for codes in [Array(repeating: 255, count: inner), (0..<inner).map { $0 * 7 % 256 }] {
      let x = AnyTensor(shape: [1, inner], codes.map { Float($0) * 0.5 })
      let fake = try Session(graph).run(["x": x])[0]
      #expect(try Session(integers).run(["x": x])[0] == fake)
      let exact = try #require(fake.elements(as: Float.self))
      let sum = worst.weights.enumerated().reduce(0) {
        $1.offset % 2 == 0 ? $0 + $1.element * codes[$1.offset / 2] : $0
      }
      let scale = try #require(graph.value(named: "sw.raised").flatMap { graph[$0].constant })
      let real = Double(sum) * 0.5 * Double(try #require(scale.elements(as: Float.self))[0])
      #expect(abs(Double(exact[0]) - min(max(real, -128 * 3e6), 127 * 3e6)) <= 1.5e6)
    }
  }

  @Test("what fits by the actual weights is left alone, however long it is")
  func isNoPessimist() throws {
    // All weights are at the largest code, yet half of each sign around a zero point in the middle.
    let inner = 100_000
    #expect(inner * 127 * 255 > Int(Int32.max))
    let graph = try long(inner, xZero: 128) { index, _ in index % 2 == 0 ? 38.1 : -38.1 }
    var proven = graph
    var context = PassContext()
    try ProveIntegerSafety().run(on: &proven, &context)
    #expect(proven == graph)
    #expect(
      context.remarks.map(\.message).contains { $0.hasPrefix("1 integer products fit int32") })
    let worst = try worstSums(try lowered(graph, &context))
    #expect(worst.sums.max() == inner / 2 * 127 * 255)
  }

  @Test("a bias beyond 2^30 steps raises its channel's scale before it is cut off")
  func largeBias() throws {
    var graph = try long(4, xZero: 0, bias: [5e8, -3]) { index, _ in Float(index) - 1.5 }
    var context = PassContext()
    let before = try Session(graph).run(["x": AnyTensor(shape: [1, 4], [Float(0), 0, 0, 0])])[0]
    // On the scale it has, the bias is cut off at 2³¹ · 0.15.
    #expect(try #require(before.elements(as: Float.self))[0] < 3.3e8)
    try Pipeline("prove-integer-safety,fold-constants", registry: .withPipelines)
      .run(on: &graph, &context)
    let integers = try lowered(graph, &context)
    let worst = try worstSums(integers)
    #expect(abs(worst.bias[0]) <= 1 << 30 && abs(worst.bias[0]) > 1 << 29)
    #expect(worst.bias[1] == -20)
    for codes in [[0, 0, 0, 0], [255, 3, 4, 255]] {
      let x = AnyTensor(shape: [1, 4], codes.map { Float($0) * 0.5 })
      let fake = try Session(graph).run(["x": x])[0]
      #expect(try Session(integers).run(["x": x])[0] == fake)
      #expect(try #require(fake.elements(as: Float.self))[0] == 127 * 3e6, "5e8 saturates, 3e8 not")
    }
  }

  @Test("a batch-norm that makes a channel tiny is reckoned with before it is folded")
  func tinyChannel() throws {
    var graph = try Sample.graph("conv_norm")
    let norm = try #require(graph.nodes.first { graph[$0].op is BatchNormalization })
    let gamma = try #require(graph[norm].operands[1])
    var factors = try #require(graph[gamma].constant?.elements(as: Float.self))
    factors[0] = 1e-9
    graph.define(gamma, as: .constant(AnyTensor(shape: [factors.count], factors)))
    var context = PassContext.forTests(graph)
    try Pipeline(
      "apply-layer-config,insert-fake-quant,calibrate,freeze,canonicalize", registry: .withPipelines
    ).run(on: &graph, &context)
    try Pipeline("prove-integer-safety,fold-constants", registry: .withPipelines)
      .run(on: &graph, &context)
    #expect(context.remarks.contains { $0.severity == .warning && $0.message.contains("bias") })
    let integers = try lowered(graph, &context)
    let conv = try #require(integers.nodes.first { integers[$0].op is QLinearConv })
    let bias = try #require(
      integers[conv].operands[8].flatMap { integers[$0].constant?.integers })
    #expect(bias.allSatisfy { abs($0) <= 1 << 30 })
    for inputs in sampleInputs(for: graph) {
      let a = try #require(try Session(graph).run(inputs)[0].doubles)
      let b = try #require(try Session(integers).run(inputs)[0].doubles)
      let steps = Set(b.map(abs)).filter { $0 > 0 }.min() ?? 1
      #expect(zip(a, b).allSatisfy { abs($0 - $1) <= steps * 1.001 })
    }
  }

  @Test("too many weights for three bits less are refused by name")
  func refusal() throws {
    var graph = try long(9_000_000 / 8, xZero: 0) { _, _ in 38.1 }
    var context = PassContext()
    // 1.1 million at 127: a factor of 17 would be needed.
    #expect {
      try ProveIntegerSafety().run(on: &graph, &context)
    } throws: { error in
      guard let error = error as? Diagnostic else { return false }
      return error.place?.contains("fc") ?? false && error.hint != nil
        && error.message.contains("beyond int32")
    }
  }
}
