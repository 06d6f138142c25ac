import QATCore
import QATIR

/// Verifies the graph after each pass (`--verify-each`).
public struct VerifyEach: PassInstrument {
  public init() {}

  public func didRun(_ step: PassStep, before: Graph, after: Graph) throws(Diagnostic) {
    try after.verify()
  }
}
