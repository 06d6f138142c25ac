import QATConfig
import QATCore
import QATIR
import QATRewrite
import QATRuntime
import Testing

@testable import QATPasses

@Suite("One layer quantized at a time")
struct SensitivityTests {
  private static let toLayers =
    "canonicalize,fold-constants,canonicalize,fold-batchnorm,fold-constants,apply-layer-config"

  private func run(
    _ text: String, on graph: Graph, _ config: QuantizationConfig = .recommended
  ) throws -> Graph {
    var result = graph
    var context = PassContext.forTests(graph)
    context[QuantizationConfig.self] = config
    try Pipeline(text, registry: .withPipelines)
      .run(on: &result, &context, instruments: [VerifyEach()])
    return result
  }

  @Test(
    "computes what a configuration gives that leaves all others in float",
    arguments: try Sample.names(), [8, 3])
  func asConfigured(_ name: String, _ bits: Int) throws {
    var config = QuantizationConfig.recommended
    config.weights?.bits = bits
    let graph = try Sample.graph(name), inputs = sampleInputs(for: graph, count: 2, seed: 5)
    let layers = try run(Self.toLayers, on: graph, config)
    let all = try layers.fakeQuantized(PassContext.forTests(graph))
    #expect(!layers.quantizedLayers.isEmpty)
    for layer in layers.quantizedLayers.map({ layers[$0].name }) {
      let one = try all.quantizingOnly([try #require(all.node(named: layer))])
      try one.verify()
      var alone = config
      alone.layers = [
        LayerRule(.glob("*"), quantize: false), LayerRule(.name(layer), quantize: true),
      ]
      let expected = try run(
        "\(Self.toLayers),insert-fake-quant,share-scales,calibrate", on: graph, alone)
      for input in inputs {
        #expect(try Session(one).run(input) == Session(expected).run(input), "\(layer)")
      }
    }
  }

  @Test("quantizes nothing for no layer, and all for all", arguments: try Sample.names())
  func extremes(_ name: String) throws {
    let graph = try Sample.graph(name), inputs = sampleInputs(for: graph, count: 1, seed: 5)[0]
    let layers = try run(Self.toLayers, on: graph)
    let all = try layers.fakeQuantized(PassContext.forTests(graph))
    let float = try Session(layers).run(inputs)
    #expect(try Session(all.quantizingOnly([])).run(inputs) == float)
    #expect(try !all.quantizingOnly([]).nodes.contains { all[$0].op is FakeQuantize })
    #expect(try Session(all).run(inputs) != float)
  }

  @Test("measures each width once, and ranks the noisiest first")
  func table() throws {
    let graph = try Sample.graph("residual")
    let layers = try run(Self.toLayers, on: graph)
    let inputs = sampleInputs(for: graph, count: 3, seed: 3)
    var runs = 0
    let widths = [nil, LayerWidth(weights: 8), LayerWidth(weights: 4), LayerWidth(weights: 2)]
    let table = try SensitivityTable(
      of: layers, widths: widths, PassContext.forTests(graph)
    ) { graph throws(Diagnostic) in
      runs += 1
      return try Probe(graph, on: CalibrationData(inputs), batches: 0)
    }
    let products = table.layers.filter { table.entry($0, nil)?.weightCount ?? 0 > 0 }
    #expect(products.count == 2 && table.layers.count > 2)
    #expect(table.entries.count == 4 * table.layers.count)
    // The float run; products at 8, 4 and 2 bits (8 is what is configured); the others once.
    #expect(runs == 1 + 3 * products.count + (table.layers.count - products.count))
    for layer in products {
      let noises = widths.map { table.entry(layer, $0)?.noise ?? 0 }
      #expect(noises[0] == noises[1] && noises[1] < noises[2] && noises[2] < noises[3])
    }
    let ranked = table.ranking.map(\.noise)
    #expect(ranked == ranked.sorted(by: >))
    #expect(table.entry(products[0], LayerWidth(weights: 2))?.bits == "W2A8")
    #expect(table.description.contains("W2A8"))
  }

  @Test("counts the weights that are computed from variables: a folded batch-norm's")
  func variables() throws {
    let graph = try run("make-trainable", on: Sample.graph("conv_norm"))
    let layers = try run(Self.toLayers, on: graph)
    #expect(layers.quantizedLayers.map { layers.quantizedWeightCount(of: $0) } == [54])
    let frozen = try run(Self.toLayers, on: Sample.graph("conv_norm"))
    #expect(frozen.quantizedLayers.map { frozen.quantizedWeightCount(of: $0) } == [54])
  }

  @Test("finds the weight that an outlier has spoilt")
  func fragile() throws {
    // Three equal products in a row; the middle one has an outlier that meets an input of 0.
    let eye = (0..<16).map { $0 % 5 == 0 ? Float(0.9) : Float($0 % 7) * 0.05 }
    var spoilt = eye
    for row in 0..<4 { spoilt[row * 4 + 3] = 400 }
    var graph = Graph(name: "chain")
    let x = graph.addInput("x", TensorType(.f32, Shape([Dimension(symbol: "N"), 4])))
    var builder = GraphBuilder(graph)
    var value = x
    for (name, weights) in [("a", eye), ("b", spoilt), ("c", eye)] {
      let w = builder.constant(AnyTensor(shape: [4, 4], weights), name: "\(name).weight")
      // Clips the last of the four to 0.
      let mask = builder.constant(AnyTensor(shape: [4], [1, 1, 1, 0] as [Float]), name: "mask")
      value = builder.emit(Mul(), [value, mask], name: "\(name).masked")
      value = builder.emit(Gemm(transB: true), [value, w], name: name)
    }
    graph = builder.graph
    graph.setOutputs([value])
    var config = QuantizationConfig.recommended
    config.activations?.observer = ObserverConfig(.minMax)
    let layers = try run(Self.toLayers, on: graph, config), context = PassContext.forTests(graph)
    let data = try #require(context[CalibrationData.self])
    let table = try SensitivityTable(of: layers, widths: [nil], context) {
      graph throws(Diagnostic) in try Probe(graph, on: data, batches: 0)
    }
    #expect(table.ranking[0].layer == "b")
    #expect(table.ranking[0].sqnr + 10 < table.ranking[1].sqnr)
  }
}
