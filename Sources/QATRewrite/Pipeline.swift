import QATCore
import QATIR

/// Passes to be run one after the other; prints back as it parsed.
///
///     canonicalize,fold-batchnorm,insert-fake-quant{weights=int8 observer=percentile}
public struct Pipeline: Sendable, CustomStringConvertible {
  /// In the order they run.
  public var passes: [any Pass]

  /// Passes with the options they have.
  public init(_ passes: [any Pass] = []) { self.passes = passes }

  /// Parses pipeline text. The name of a pipeline stands for its passes. Space, line ends and `//`
  /// comments between passes do not count.
  /// - Throws: `unknown-name`, `invalid-option` or `syntax`, with the column.
  public init(_ text: String, registry: PassRegistry) throws(Diagnostic) {
    var parser = PipelineParser(text)
    passes = try parser.passes(registry, depth: 0)
  }

  public var description: String { passes.map(\.text).joined(separator: ",") }

  /// Runs the passes in order.
  ///
  /// - Throws: the first failure, with the pass's name in its place; `graph` is then what the last
  ///   pass that succeeded made of it.
  public func run(
    on graph: inout Graph, _ context: inout PassContext,
    instruments: [any PassInstrument] = []
  ) throws(Diagnostic) {
    for (index, pass) in passes.enumerated() {
      let before = graph
      context.currentPass = type(of: pass).name
      let step = PassStep(pass: pass, index: index, remaining: Pipeline(Array(passes[index...])))
      do throws(Diagnostic) {
        for instrument in instruments { try instrument.willRun(step, on: before) }
        try pass.runWithBodies(on: &graph, &context)
        for instrument in instruments.reversed() {
          try instrument.didRun(step, before: before, after: graph)
        }
      } catch {
        graph = before
        for instrument in instruments { instrument.didFail(step, on: before, error) }
        throw error.at("pass \(type(of: pass).name)")
      }
    }
  }
}

/// One pass of a running pipeline.
public struct PassStep: Sendable {
  /// The pass, with its options.
  public let pass: any Pass
  /// Its position in the pipeline, from 0.
  public let index: Int
  /// The pass itself and everything after it: what a reproducer holds.
  public let remaining: Pipeline
  /// The name of the pass.
  public var name: PassName { type(of: pass).name }
}

/// Watches a pipeline: prints, times, verifies, checks values.
public protocol PassInstrument: Sendable {
  /// Called before a pass; what it throws ends the pipeline.
  func willRun(_ step: PassStep, on graph: Graph) throws(Diagnostic)
  /// Called behind a pass that succeeded; what it throws counts as a failure of the pass.
  func didRun(_ step: PassStep, before: Graph, after: Graph) throws(Diagnostic)
  /// Called where the pass, or an instrument, failed; `graph` is that of before the pass.
  func didFail(_ step: PassStep, on graph: Graph, _ error: Diagnostic)
}

extension PassInstrument {
  public func willRun(_ step: PassStep, on graph: Graph) throws(Diagnostic) {}
  public func didRun(_ step: PassStep, before: Graph, after: Graph) throws(Diagnostic) {}
  public func didFail(_ step: PassStep, on graph: Graph, _ error: Diagnostic) {}
}
