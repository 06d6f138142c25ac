import QATCore

/// A loss that is the mean, over all elements, of a function of a prediction and its target.
///
/// - Operands: `prediction`, `target`: float[…], of one shape.
/// - Result: `loss`, a scalar.
public protocol ElementwiseLoss: Operation {}

extension ElementwiseLoss {
  public static var operands: [OperandSpec] { [.float("prediction"), .float("target")] }
  public static var results: [ResultSpec] { ["loss"] }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSameShape(operands, [0, 1], of: Self.operands)
    return [TensorType(operands[0].element, [])]
  }

  /// `dloss / n` at each of the n elements.
  func share(of call: GradientCall, in builder: inout GraphBuilder) -> ValueID {
    builder.emit(ExpandLike(axes: [], average: true), [call.seed, call.operand(0)])
  }
}
