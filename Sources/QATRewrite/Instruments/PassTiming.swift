import QATCore
import QATIR
import Synchronization

/// Times each pass and counts what it changed (`--timing`).
public final class PassTiming: PassInstrument {
  /// One pass that ran.
  public struct Row: Sendable {
    /// Its name.
    public let pass: PassName
    /// What it took.
    public let milliseconds: Double
    /// How many nodes the graph had before and after.
    public let nodesBefore: Int, nodesAfter: Int
  }

  private let clock = ContinuousClock()
  private let state = Mutex<(start: ContinuousClock.Instant?, rows: [Row])>((nil, []))

  public init() {}

  /// One a pass that was run, in order.
  public var rows: [Row] { state.withLock { $0.rows } }

  public func willRun(_ step: PassStep, on graph: Graph) throws(Diagnostic) {
    state.withLock { $0.start = clock.now }
  }

  public func didRun(_ step: PassStep, before: Graph, after: Graph) throws(Diagnostic) {
    state.withLock { state in
      guard let start = state.start else { return }
      let seconds = (clock.now - start) / .milliseconds(1)
      state.rows.append(
        Row(
          pass: step.name, milliseconds: seconds, nodesBefore: before.nodeCount,
          nodesAfter: after.nodeCount))
    }
  }

  /// A table, one pass a line, and the sum.
  public var report: String {
    let rows = rows
    let total = rows.reduce(0) { $0 + $1.milliseconds }
    let lines = rows.map { row in
      "\(pad(row.milliseconds)) ms  \(row.pass)  (\(row.nodesBefore) -> \(row.nodesAfter) nodes)"
    }
    return (["===== pass timing ====="] + lines + ["\(pad(total)) ms  total"]).joined(
      separator: "\n")
  }

  private func pad(_ milliseconds: Double) -> String {
    let tenths = Int((milliseconds * 10).rounded())
    let text = "\(tenths / 10).\(tenths % 10)"
    return String(repeating: " ", count: max(0, 9 - text.count)) + text
  }
}
