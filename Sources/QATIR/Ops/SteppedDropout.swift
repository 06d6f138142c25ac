import QATCore

/// Dropout of a training step: other elements in every step, and the same ones when it is run again.
///
///     y = keep ? x / (1 - ratio) : 0
///
/// Which elements stay is a hash of the seed, the step and the element's index: it does not depend on
/// the machine or the number of threads, and a resumed training drops what an uninterrupted one does.
///
/// - Operands: `x`; `ratio`, a scalar in 0..<1; `step` i64[], the steps taken before.
/// - Result: `y`, of the type of `x`.
/// - Gradient of `x`: the same elements of `dy` dropped.
/// - Source: Srivastava et al., Dropout (2014), in the form that scales while training.
public struct SteppedDropout: Operation {
  public static let name: OpName = "qat.SteppedDropout"
  public static let operands: [OperandSpec] = [
    .float("x"), OperandSpec("ratio", .floats, as: nil), .i64("step"),
  ]
  public static let attributes: [Attribute<Self>] = [.init("seed", \.seed)]
  /// Decides, with the step, which elements are dropped.
  public var seed = 0
  public init() {}
  public init(seed: Int) { self.seed = seed }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    for (index, name) in [(1, "ratio"), (2, "step")] where operands[index].knownShape.rank != 0 {
      throw Diagnostic(
        .shapeMismatch, "\(name) has shape \(operands[index].knownShape), expected []")
    }
    return [operands[0]]
  }
}

extension SteppedDropout: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(self, [call.seed] + call.operands.dropFirst()), nil, nil]
  }
}
