import QATCore
import QATIR
import QATRewrite

extension Graph {
  /// The graph with the fake-quantizers of some layers alone; all others compute in float.
  ///
  ///     %1 = qat.FakeQuantize(%x, %s, %z)
  ///     %a = Conv(%1, ...)                     // quantized
  ///     %b = Add(%1, ...)                      // not among the layers
  ///     ->
  ///     %a = Conv(%1, ...)
  ///     %b = Add(%x, ...)
  ///
  /// A quantizer stays where one of the layers reads it; one behind the result of such a layer stays
  /// for every reader. That is what `insert-fake-quant` makes of a configuration that leaves all other
  /// layers in float, with the ranges that are observed already. Outputs keep their order, not always
  /// their names.
  func quantizingOnly(_ layers: Set<NodeID>) throws(Diagnostic) -> Graph {
    let results = Set(layers.compactMap { quantizer(ofResultOf: $0) })
    var graph = self
    for id in nodes where graph.isFakeQuantizer(id) && !results.contains(id) {
      guard let x = graph[id].operands[0] else { continue }
      let quantized = graph[id].result
      for reader in Set(graph.users(of: quantized)) where !layers.contains(reader) {
        for (index, operand) in graph[reader].operands.enumerated() where operand == quantized {
          graph.setOperand(index, of: reader, to: x)
        }
      }
      if graph.isOutput(quantized) {
        graph.setOutputs(graph.outputs.map { $0 == quantized ? x : $0 })
      }
    }
    var context = PassContext()
    try EliminateDeadNodes().run(on: &graph, &context)
    return graph
  }

  private func isFakeQuantizer(_ id: NodeID) -> Bool {
    self[id].op is any MarksGrid || self[id].op is FakeQuantizeBias
  }

  /// The quantizer behind a layer, maybe behind the batch-norm or activation that alone reads it.
  private func quantizer(ofResultOf layer: NodeID) -> NodeID? {
    var value = self[layer].result
    while true {
      let readers = users(of: value)
      if let quantizer = readers.first(where: {
        isFakeQuantizer($0) && self[$0].operands[0] == value
      }) {
        return quantizer
      }
      guard let reader = readers.first, isUsedOnce(value), self[reader].operands[0] == value,
        self[reader].op is BatchNormalization || quantizationRole(of: reader) == .clamping
      else { return nil }
      value = self[reader].result
    }
  }
}
