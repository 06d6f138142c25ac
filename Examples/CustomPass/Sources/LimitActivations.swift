import QAT

/// Gives each `Relu` an upper limit.
///
///     %1 = Relu(%x)
///     ->
///     %1 = example.LimitedRelu(%x) {limit = 6}
///
/// A `Relu` whose result is an output of the graph stays: what users of the model see keeps its range.
struct LimitActivations: Pass {
  static let name: PassName = "limit-activations"
  static let summary = "replace Relu by a Relu with an upper limit"
  static let effect: Effect = .changesNumerics("activations above the limit are cut off")
  static let options: [PassOption<Self>] = [
    .init("limit", \.limit, "the largest value an activation keeps")
  ]

  var limit: Float = 6

  func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    guard limit > 0 else {
      throw Diagnostic(.invalidOption, "limit is \(limit)", hint: "give one above 0")
    }
    var operation = LimitedRelu()
    operation.limit = limit
    for node in graph.nodes where graph[node].op is Relu && !graph.isOutput(graph[node].result) {
      graph.setOperation(of: node, to: operation)
      context.remark(node: graph[node].name, "limited to \(limit)")
    }
  }
}
