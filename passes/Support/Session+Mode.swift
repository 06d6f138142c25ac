import QATCore
import QATIR
import QATRewrite
import QATRuntime

extension Session {
  /// Runs a model in a mode of its own; nothing else of a program changes with it.
  ///
  ///     let session = try Session(GraphFiles.read("model.int8.onnx"), mode: .auto)
  ///     let logits = try session.run(["image": x])[0]
  ///
  /// `float` runs the graph as it is: fake-quantizers, or QuantizeLinear and DequantizeLinear around
  /// float operations. `integer` lowers what is quantized to integer operations and runs those. `auto`
  /// is `integer` where a product of the model (Conv, Gemm, MatMul) runs on integers, `float` for other
  /// models. The decision is made here, so a run costs what it costs in the mode that was picked: `mode`
  /// says which.
  ///
  /// - Parameters:
  ///   - model: in evaluation form: float, with fake-quantizers, QDQ, or of integer operations.
  ///   - watching: names of values to be readable with `value(_:)` after a run; values that lowering
  ///     takes away have none.
  ///   - threads: 0 for one on each core that the process may use.
  /// - Throws: `unsupported` for `integer` where nothing is quantized or lowering is refused, and for
  ///   `float` where the model's operations are integer ones already.
  public convenience init(
    _ model: Graph, mode: Mode, watching: [String]? = [], threads: Int = 0
  ) throws(Diagnostic) {
    let picked = try model.form(for: mode), original = picked.graph
    // Values that are watched keep their layout.
    let layout =
      watching != []
      ? nil
      : Layout(of: original) { (kept) throws(Diagnostic) in
        picked.mode == .integer
          ? try original.preparedToRun(keeping: kept) : try original.channelsLast(keeping: kept)
      }
    try self.init(try layout?.keeping([]) ?? original, watching: watching, threads: threads)
    self.layout = layout
    self.mode = picked.mode
  }
}

extension Graph {
  /// What a session of a mode runs, and the mode that `auto` comes to.
  fileprivate func form(
    for mode: Session.Mode
  ) throws(Diagnostic) -> (graph: Graph, mode: Session.Mode) {
    switch mode {
    case .float:
      if let id = nodes.first(where: { self[$0].op is any ComputesOnIntegers }) {
        throw Diagnostic(
          .unsupported, "\(self[id].op.name) has no float form", at: "node '\(self[id].name)'",
          hint: "use the mode integer or auto, or the QDQ form of the model")
      }
      return (self, .float)
    case .integer:
      let lowered = try loweredToIntegers()
      guard lowered.nodes.contains(where: { lowered[$0].op is any ComputesOnIntegers }) else {
        throw Diagnostic(
          .unsupported, "nothing of '\(name)' runs on integers",
          hint: "quantize it first, or use the mode float")
      }
      return (lowered, .integer)
    case .auto:
      // A model that can't be lowered (weights of 4 bits alone, say) is one for floats.
      guard let lowered = try? loweredToIntegers(),
        lowered.nodes.contains(where: { lowered[$0].op is any IntegerProductOperation })
      else { return (self, .float) }
      return (lowered, .integer)
    }
  }

  /// The graph with its integer regions as integer operations.
  private func loweredToIntegers() throws(Diagnostic) -> Graph {
    guard nodes.contains(where: { self[$0].op is FakeQuantize }) else {
      return try formingIntegerRegions()
    }
    var result = self
    var context = PassContext()
    try Pipeline("qat-finish,lower-qoperator", registry: .withPipelines).run(on: &result, &context)
    return result
  }
}
