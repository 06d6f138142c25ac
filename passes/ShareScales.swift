import QATCore
import QATIR
import QATRewrite

/// Lets the quantizers on both sides of an operation that passes codes through share one scale.
///
///     %1 = qat.FakeQuantize(%x, %s1, %z1)
///     %2 = MaxPool(%1)
///     %3 = qat.FakeQuantize(%2, %s2, %z2)
///     ->
///     %1 = qat.FakeQuantize(%x, %s1, %z1)
///     %2 = MaxPool(%1)
///     %3 = qat.FakeQuantize(%2, %s1, %z1)
///
/// The range of the second quantizer is no longer observed; a learned one passes its gradient. Operations that change values (`Add`,
/// `Concat`, …) keep a scale for each side.
public struct ShareScales: Pass {
  public static let name: PassName = "share-scales"
  public static let summary = "give both sides of code-passing operations one scale"
  public static let effect: Effect = .changesNumerics(
    "quantizers behind MaxPool, Reshape, … take the scale in front")

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    for id in graph.nodes where graph.contains(id) {
      guard let quantizer = graph[id].op as? FakeQuantize, quantizer.axis == nil,
        let input = graph[id].operands[0], let source = graph.quantizerThrough(input),
        let other = graph[source].op as? FakeQuantize, other.axis == nil
      else { continue }
      var shared = quantizer
      shared.grid = other.grid
      if quantizer.learned != nil || other.learned != nil {
        // What passes is on the grid already: rounding again changes nothing, and learns nothing.
        shared.straightThrough = "plain"
        graph.setOperands(of: id, to: Array(graph[id].operands.prefix(3)))
      }
      graph.setOperation(of: id, to: shared)
      for index in [1, 2] {
        // Biases behind the second quantizer are on its scale: they follow.
        guard let old = graph[id].operands[index], let new = graph[source].operands[index] else {
          continue
        }
        try graph.replaceAllUses(of: old, with: new)
      }
    }
    try EliminateDeadNodes().run(on: &graph, &context)
  }
}

extension Graph {
  /// The quantizer in front of the operation that computes a value and passes codes through.
  fileprivate func quantizerThrough(_ value: ValueID) -> NodeID? {
    guard let node = producer(of: value), passesCodes(node), let input = self[node].operands[0]
    else {
      return nil
    }
    return operation(FakeQuantize.self, of: input)?.node
  }

  /// Whether codes pass through a node: by its role, or a clamping with a quantizer in front of it.
  func passesCodes(_ node: NodeID) -> Bool {
    switch quantizationRole(of: node) {
    case .passThrough, .clamping: true
    default: false
    }
  }
}
