import QAT
import Testing

// What tests ask of graphs and sessions, by names.
extension Graph {
  /// The elements of a constant or variable.
  func floats(_ name: String) throws -> [Float] {
    let id = try #require(self.value(named: name), "no value '\(name)'")
    return try #require(
      self[id].parameter?.elements(as: Float.self), "'\(name)' is no parameter")
  }

  /// The node that computes an operand.
  func source(_ operand: Int, of node: NodeID) throws -> NodeID {
    let value = try #require(self[node].operands[operand])
    return try #require(producer(of: value), "'\(self[value].name)' is not computed")
  }

  func node(_ name: String) throws -> NodeID {
    try #require(node(named: name), "no node '\(name)'")
  }

  /// The nodes of an operation, in order.
  func all<Op: Operation>(_: Op.Type) -> [NodeID] { nodes.filter { self[$0].op is Op } }

  /// The int8 weight of the integer product of that number, from 0.
  func codes(ofProduct index: Int) throws -> AnyTensor {
    let products = nodes.filter { self[$0].op is QLinearConv || self[$0].op is QGemm }
    let node = try #require(products.indices.contains(index) ? products[index] : nil)
    let weight = try #require(self[node].operands[3])
    let codes = try #require(self[weight].constant)
    #expect(codes.element == .i8)
    return codes
  }

  /// What variables hold, by name.
  var contents: [String: AnyTensor] {
    var result: [String: AnyTensor] = [:]
    for id in variables { result[self[id].name] = self[id].variable }
    return result
  }
}

extension QuantizationStatistics {
  /// The quantizer of a value.
  func quantizer(of value: String) throws -> Quantizer {
    try #require(
      quantizers.first { $0.value == value || $0.value == value + ".quantized" },
      "no quantizer of '\(value)' among \(quantizers.map(\.value))")
  }
}

extension AnyTensor {
  var floats: [Float] { elements(as: Float.self) ?? [] }
}

/// The first output of a graph.
func run(_ graph: Graph, _ inputs: [String: AnyTensor]) throws -> AnyTensor {
  try Session(graph).run(inputs)[0]
}

/// The named value while a graph runs.
func value(
  _ name: String, of graph: Graph, _ inputs: [String: AnyTensor]
) throws -> AnyTensor {
  let session = try Session(graph, watching: [name])
  _ = try session.run(inputs)
  return try #require(session.value(name), "no value '\(name)'")
}
