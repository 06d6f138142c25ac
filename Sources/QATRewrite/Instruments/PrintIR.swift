import QATCore
import QATIR

/// Prints the graph before or after passes (`--print-ir-before`, `--print-ir-after`, `-all`, `-change`).
public struct PrintIR: PassInstrument {
  public enum When: Sendable, Equatable {
    case before(Set<PassName>)
    case after(Set<PassName>)
    case afterAll
    case afterChange
  }

  private let when: When
  private let write: @Sendable (String) -> Void

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
