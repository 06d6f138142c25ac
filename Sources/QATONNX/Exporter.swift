import QATCore
import QATIR

/// Writes a graph as an ONNX file, in the lowest opset from 13 on that holds it (`ExportOpset`).
public enum Exporter {
  /// Metadata that only a graph of ours has: which initializers are variables, where nodes came from,
  /// how many operands of an opaque node its subgraphs capture.
  static let variablesKey = "qat.variables", originsKey = "qat.origins",
    capturesKey = "qat.captures"

  /// - Parameter opset: the highest that the reader knows; operations that came later are written as
  ///   older ones.
  /// - Throws: `io`; `unsupported` for what no file, or none of that opset, holds (a value of unknown
  ///   shape is fine).
  public static func write(
    _ graph: Graph, to path: String, externalData: ExternalData = .whenNeeded, opset: Int? = nil
  ) throws(Diagnostic) {
    try file(of: graph, opset: opset).write(to: path, externalData: externalData)
  }

  /// What a file of the graph says.
  /// - Parameter limit: the highest opset that the reader knows.
  /// - Throws: `unsupported` for what no opset up to that one can say.
  public static func file(
    of original: Graph, opset limit: Int? = nil
  ) throws(Diagnostic) -> ModelFile {
    let export = try ExportOpset(of: original, atMost: limit), graph = export.graph
    var file = ModelFile()
    file.producerName = "swift-qat"
    file.rest = graph.rest(.model)
    file.metadata = graph.metadata
    file.opsets = ["": export.version]
    file.irVersion = irVersion(ofOpset: export.version)
    for domain in domains(of: graph) where !domain.isEmpty { file.opsets[domain] = 1 }
    if !graph.variables.isEmpty {
      let variables = graph.orderedParameters.filter { graph[$0].variable != nil }
      file.metadata[variablesKey] = variables.map { graph[$0].name }.joined(separator: "\n")
    }
    try checkCaptures(in: graph)
    file.graph = ExportedScope(graph, opset: export.version).file
    return file
  }

  /// - Throws: `invalid-graph` for an opaque node that says of more operands than it has that its body
  ///   captures them: the note may come from a text.
  private static func checkCaptures(in graph: Graph) throws(Diagnostic) {
    for id in graph.nodes {
      guard let note = graph[id].metadata[capturesKey], let captures = Int(note),
        !(0...graph[id].operands.count).contains(captures)
      else { continue }
      throw Diagnostic(
        .invalidGraph,
        "\(captures) of \(graph[id].operands.count) operands are said to be captured",
        at: "node '\(graph[id].name)' (\(graph[id].op.name))",
        hint: "remove the note \(capturesKey)")
    }
  }

  /// The domains of all operations, also of those in bodies.
  private static func domains(of graph: Graph) -> Set<String> {
    var result: Set<String> = []
    for id in graph.nodes {
      result.insert(graph[id].op.name.domain)
      for body in graph[id].op.controlFlow?.bodies ?? [] {
        result.formUnion(domains(of: body))
      }
    }
    return result
  }

  /// The version of the file format that came with an opset.
  private static func irVersion(ofOpset opset: Int) -> Int {
    switch opset {
    case ...14: 7
    case 15...18: 8
    case 19...20: 9
    case 21...22: 10
    case 23: 11
    case 24: 12
    case 25...27: 13
    default: 14
    }
  }
}
