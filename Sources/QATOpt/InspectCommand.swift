import ArgumentParser
import QAT

/// `qat-opt inspect MODEL [NODE]`: what a model holds; of a node, which rule and which pass decided.
struct InspectCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Summarise a model, or explain one node of it.")

  @Argument(help: "The model: .onnx or .qir.") var model: String
  @Argument(help: "The name of a node or a value.") var node: String?

  func execute() throws(Diagnostic) {
    let graph = try GraphFiles.read(model, registry: QatOpt.tools.ops)
    guard let node else { return Terminal.print(try summary(of: graph)) }
    let found =
      graph.node(named: node) ?? graph.value(named: node).flatMap { graph.producer(of: $0) }
    guard let id = found else {
      let names = graph.nodes.map { graph[$0].name }
      throw Diagnostic(
        .unknownName, "there is no node '\(node)'", at: model, hint: nameHint(node, among: names))
    }
    Terminal.print(explanation(of: id, in: graph))
  }

  private func summary(of graph: Graph) throws(Diagnostic) -> String {
    var lines = ["graph \(graph.name)"]
    for id in graph.inputs { lines.append("  input \(graph[id].name): \(graph[id].type)") }
    for id in graph.outputs { lines.append("  output \(graph[id].name): \(graph[id].type)") }
    let bytes = (graph.constants + graph.variables).reduce(0) {
      $0 + (graph[$1].parameter?.storage.byteCount ?? 0)
    }
    let elements = (graph.constants + graph.variables).reduce(0) {
      $0 + (graph[$1].parameter?.elementCount ?? 0)
    }
    lines.append("  \(graph.nodeCount) nodes, \(elements) parameters in \(bytes) bytes")
    var counts: [String: Int] = [:]
    for id in graph.nodes { counts[graph[id].op.name.description, default: 0] += 1 }
    for (name, count) in counts.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
      lines.append("  \(count) × \(name)")
    }
    let statistics = try QuantizationStatistics(of: graph)
    if !statistics.quantizers.isEmpty { lines.append(statistics.table) }
    lines += trainingState(of: graph)
    return lines.joined(separator: "\n")
  }

  private func explanation(of id: NodeID, in graph: Graph) -> String {
    let node = graph[id]
    var lines = [Printer(blobs: .elided).text(of: id, in: graph)]
    if !node.origins.isEmpty {
      lines.append("  comes from: \(node.origins.joined(separator: ", "))")
    }
    for (key, note) in node.metadata.sorted(by: { $0.key < $1.key }) {
      lines.append("  \(Self.meanings[key] ?? key): \(note)")
    }
    return lines.joined(separator: "\n")
  }

  /// What the notes of passes mean.
  private static let meanings = [
    "qat.weights": "weights (apply-layer-config)",
    "qat.activations": "activations (apply-layer-config)",
    "qat.rules": "decided by", "qat.decided-by": "quantizer of (insert-fake-quant)",
    "qat.region": "computes on (form-integer-regions)",
    "qat.trainable": "trainable (apply-layer-config)",
    "qat.bias": "bias (apply-layer-config)", "qat.memory": "results lie at (plan-memory)",
  ]
}
