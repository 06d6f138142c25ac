import Foundation
import QATCore
import QATIR
import QATPasses
import QATRewrite

/// One case of a golden file: a pipeline, a graph, and what comes of it.
///
///     // pipeline: fold-batchnorm
///     graph @g(...) -> (...) { ... }
///     // =>
///     graph @g(...) -> (...) { ... }        or: // error: code message
///     // ----
struct Golden {
  /// The case up to and with the arrow, as it stands in the file.
  let given: String
  /// What is to come of it, in one canonical text.
  let expected: String
  let pipeline: String
  let before: String

  private static let folder = "Tests/Goldens"
  private static let arrow = "// =>\n", separator = "// ----\n"

  static func files() throws -> [String] { try stems(in: folder, extension: "qir") }

  static func cases(_ file: String) throws -> [Golden] {
    try contents("\(folder)/\(file).qir").components(separatedBy: separator).map { try Golden($0) }
  }

  static func write(_ goldens: [Golden], _ file: String) throws {
    let text = try goldens.map { try $0.given + $0.outcome() }.joined(separator: separator)
    try text.write(
      to: repositoryFolder("\(folder)/\(file).qir"), atomically: true, encoding: .utf8)
  }

  private init(_ text: String) throws {
    let key = "// pipeline: "
    guard let line = text.components(separatedBy: "\n").first(where: { $0.hasPrefix(key) }),
      let arrow = text.range(of: Self.arrow)
    else { throw Diagnostic(.syntax, "a golden case without a pipeline or an arrow") }
    pipeline = String(line.dropFirst(key.count))
    before = String(text[..<arrow.lowerBound])
    given = String(text[..<arrow.upperBound])
    expected = String(text[arrow.upperBound...])
  }

  /// The graph that the pipeline makes, verified, as text; or the error.
  func outcome() throws(Diagnostic) -> String {
    var graph = try Graph(text: before)
    let passes = try Pipeline(pipeline, registry: .builtin)
    var context = PassContext.forTests(graph)
    do throws(Diagnostic) {
      try passes.run(on: &graph, &context, instruments: [VerifyEach()])
      return graph.text()
    } catch { return "// error: \(error.code.rawValue) \(error.message)\n" }
  }
}
