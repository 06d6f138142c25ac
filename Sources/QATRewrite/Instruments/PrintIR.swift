import QATCore
import QATIR

/// Prints the graph before or after passes (`--print-ir-before`, `--print-ir-after`, `-all`, `-change`).
public struct PrintIR: PassInstrument {
  /// Which graphs to print.
  public enum When: Sendable, Equatable {
    /// That of before each of these passes.
    case before(Set<PassName>)
    /// That of behind each of these passes.
    case after(Set<PassName>)
    /// That of behind every pass.
    case afterAll
    /// That of behind every pass that changed it.
    case afterChange
  }

  private let when: When
  private let write: @Sendable (String) -> Void

  /// Prints by a function, a text at a time.
  public init(_ when: When, write: @escaping @Sendable (String) -> Void) {
    self.when = when
    self.write = write
  }

  public func willRun(_ step: PassStep, on graph: Graph) throws(Diagnostic) {
    if case .before(let names) = when, names.contains(step.name) { dump(graph, "before", step) }
  }

  public func didRun(_ step: PassStep, before: Graph, after: Graph) throws(Diagnostic) {
    switch when {
    case .before: break
    case .after(let names): if names.contains(step.name) { dump(after, "after", step) }
    case .afterAll: dump(after, "after", step)
    case .afterChange: if before != after { dump(after, "after", step) }
    }
  }

  private func dump(_ graph: Graph, _ when: String, _ step: PassStep) {
    write(
      "// ----- IR \(when) \(step.name) (pass \(step.index + 1)) -----\n\(graph.text(blobs: .elided))\n"
    )
  }
}
