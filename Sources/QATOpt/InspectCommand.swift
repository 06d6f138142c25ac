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
    guard let node else { return Terminal.print(summary(of: graph)) }
    let found =
      graph.node(named: node) ?? graph.value(named: node).flatMap { graph.producer(of: $0) }
    guard let id = found else {
      let names = graph.nodes.map { graph[$0].name }
      throw Diagnostic(
        .unknownName, "there is no node '\(node)'", at: model, hint: nameHint(node, among: names))
    }
    Terminal.print(explanation(of: id, in: graph))
  }

  private func summary(of graph: Graph) -> String {
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
    var rows = [["quantized value", "scale", "zero point", "codes"]]
    for id in graph.nodes {
      guard
        graph[id].op is QuantizeLinear || graph[id].op is DequantizeLinear
          || graph[id].op is FakeQuantize
      else { continue }
      let operands = graph[id].operands
      guard operands.count > 1, let scale = operands[1].flatMap({ graph[$0].constant?.doubles })
      else { continue }
      let zero =
        operands.count > 2 ? operands[2].flatMap { graph[$0].constant?.integers } ?? [] : []
      rows.append([
        graph[graph[id].result].name, range(scale.map { "\(Float($0))" }),
        range(zero.map(String.init)), graph[id].op.name.description,
      ])
    }
    if rows.count > 1 { lines.append(table(rows)) }
    lines += trainingState(of: graph)
    return lines.joined(separator: "\n")
  }

  private func range(_ texts: [String]) -> String {
    let distinct = texts.count > 1 && Set(texts).count > 1
    return distinct ? "\(texts[0]) … (\(texts.count))" : texts.first ?? "-"
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
    "qat.bias": "bias (apply-layer-config)",
  ]
}
