import QATConfig
import QATCore
import QATIR
import QATPasses
import QATRewrite
import Testing

@Suite("Bits within a budget")
struct AssignBitsTests {
  private func assign(
    _ options: String, _ score: ModelScore? = nil, config: QuantizationConfig = .recommended
  ) throws -> (graph: Graph, assignment: BitAssignment) {
    var graph = try Sample.graph("residual")
    var context = PassContext.forTests(graph)
    context[QuantizationConfig.self] = config
    context[ModelScore.self] = score
    try Pipeline(
      "canonicalize,fold-constants,apply-layer-config,assign-bits{\(options)}",
      registry: .withPipelines
    ).run(on: &graph, &context)
    return (graph, try #require(context[BitAssignment.self]))
  }

  @Test("meets a size, with the notes and a configuration that say so")
  func size() throws {
    // Two convolutions of 81 weights each: 81 bytes at 8 bits, 41 at 4.
    let (graph, mixed) = try assign(#"bits="8,4" bytes=130"#)
    #expect(mixed.bytes == 122)
    #expect(mixed.choices.map { $0.width?.weights ?? 0 }.sorted() == [4, 8])
    #expect(try assign(#"bits="8,4" bytes=162"#).assignment.bytes == 162)
    #expect(try assign(#"bits="8,4" ratio=0.13"#).assignment.bytes == 82)
    for choice in mixed.choices {
      let node = graph[try #require(graph.node(named: choice.layer))]
      let bits = try #require(choice.width?.weights)
      #expect(node.metadata["qat.weights"]?.hasPrefix("i\(bits)n ") == true)
      #expect(node.metadata["qat.rules"]?.contains("assign-bits: \(bits) bits") == true)
    }
    let config = mixed.applied(to: .recommended)
    let again = try QuantizationConfig(yaml: config.yaml)
    #expect(again == config && config.layers.count == 2)
    // What the configuration quantizes is what the pass noted.
    var configured = try Sample.graph("residual"), context = PassContext()
    context[QuantizationConfig.self] = config
    try Pipeline("canonicalize,fold-constants,apply-layer-config", registry: .withPipelines)
      .run(on: &configured, &context)
    for choice in mixed.choices {
      #expect(
        configured[try #require(configured.node(named: choice.layer))].metadata["qat.weights"]
          == graph[try #require(graph.node(named: choice.layer))].metadata["qat.weights"])
    }
  }

  @Test("meets a distance of signal to noise, with float as the last resort")
  func noise() throws {
    let loose = try assign(#"bits="8,4" sqnr=5"#).assignment
    let tight = try assign(#"bits="8,4" sqnr=30"#).assignment
    #expect(loose.sqnr >= 5 && tight.sqnr >= 30 && loose.bytes < tight.bytes)
    let float = try assign(#"bits="8,4" sqnr=200"#).assignment
    #expect(float.choices.allSatisfy { $0.width == nil } && float.bytes == 648)
    #expect(float.applied(to: .recommended).layers.allSatisfy { $0.quantize == false })
  }

  @Test("meets a budget of accuracy by measuring")
  func accuracy() throws {
    // A score that knows how many codes the weights have: 4 bits lose 3 points a layer, 8 bits 1.
    let score = ModelScore { graph throws(Diagnostic) in
      graph.nodes.reduce(1.0) { sum, id in
        guard let op = graph[id].op as? FakeQuantize, op.axis != nil else { return sum }
        return sum - (op.grid.bits == 4 ? 0.03 : 0.01)
      }
    }
    for (drop, bytes) in [(6.5, 82), (5, 122), (4.5, 122), (3, 162), (2.5, 162)] {
      #expect(try assign(#"bits="8,4" drop=\#(drop)"#, score).assignment.bytes == bytes, "\(drop)")
    }
    // One layer at 8 bits, the other in float; and both.
    #expect(try assign(#"bits="8,4" drop=1.5"#, score).assignment.bytes == 81 + 324)
    #expect(try assign(#"bits="8,4" drop=0.5"#, score).assignment.bytes == 648)
  }

  @Test("refuses budgets that are none")
  func mistakes() throws {
    for (options, word) in [
      ("bits=8", "no budget"), ("bits=8 bytes=100 sqnr=10", "2 budgets"),
      (#"bits="8,4" bytes=81"#, "82 at least"), ("bits=9 bytes=100", "no width"),
      ("bits=8 drop=1", "needs labelled data"), ("bits=8 bytes=-5 sqnr=1", "budget"),
    ] {
      let error = #expect(throws: Diagnostic.self) { try assign(options) }
      #expect(error?.message.contains(word) == true && error?.hint != nil, "\(options)")
    }
  }
}
