public import QATCore
public import QATIR
import QATRewrite

extension Graph {
  /// The graph with its integer regions as integer operations: how a QDQ graph is to be run, so that it
  /// gives the codes that runtimes give which fuse it. Activations that a quantizer makes redundant are
  /// no reason to compute in float. Names of outputs stay.
  public func formingIntegerRegions() throws(Diagnostic) -> Graph {
    isDequantizing ? try running("fuse-activation,lower-to-integer") : self
  }

  /// Whether it has codes that are dequantized, also in bodies.
  private var isDequantizing: Bool {
    nodes.contains { id in
      self[id].op is DequantizeLinear
        || self[id].op.controlFlow?.bodies.contains { $0.isDequantizing } ?? false
    }
  }

  /// The graph as a session runs it fast: integer regions as integer operations, then the pipeline
  /// `session-integer`: functions of codes as tables, images with channels last. Values other than
  /// inputs and outputs may be gone.
  /// - Parameter kept: names of values that stay as they are.
  public func preparedToRun(keeping kept: [String] = []) throws(Diagnostic) -> Graph {
    try formingIntegerRegions().running("session-integer", keeping: kept)
  }

  /// The graph as a session in float mode runs it, by the pipeline `session-float`: with its images'
  /// channels last.
  /// - Parameter kept: names of values that stay as they are.
  public func channelsLast(keeping kept: [String] = []) throws(Diagnostic) -> Graph {
    try running("session-float", keeping: kept)
  }

  /// The graph of a training step as a session runs it fast, by the pipeline `session-training`: images
  /// with channels last, products of codes where factors are fake-quantized.
  /// - Parameter kept: names of values that stay as they are.
  public func preparedToTrain(keeping kept: [String] = []) throws(Diagnostic) -> Graph {
    try running("session-training", keeping: kept)
  }

  private func running(
    _ pipeline: String, keeping kept: [String] = []
  ) throws(Diagnostic) -> Graph {
    var result = self
    var context = PassContext()
    // Passes leave outputs alone.
    let values = kept.compactMap { value(named: $0) }.filter { producer(of: $0) != nil }
    result.setOutputs(outputs + values.filter { !outputs.contains($0) })
    try Pipeline(pipeline, registry: .withPipelines).run(on: &result, &context)
    result.setOutputs(Array(result.outputs.prefix(outputs.count)))
    return result
  }
}
