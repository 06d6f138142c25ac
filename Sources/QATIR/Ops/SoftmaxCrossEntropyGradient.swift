import QATCore

/// The gradient of `qat.SoftmaxCrossEntropy` with respect to the logits.
///
///     dlogits[i,c] = dloss · w[labels[i]] / Σ w · (softmax(logits)[i,c] - [c = labels[i]])
///
/// - Operands: `dloss` float[]; the operands of `qat.SoftmaxCrossEntropy`.
public struct SoftmaxCrossEntropyGradient: Operation {
  public static let name: OpName = "qat.SoftmaxCrossEntropyGradient"
  public static let operands: [OperandSpec] = [
    .float("dloss"), .float("logits"), .i64("labels"), .float("weights", .optional),
  ]
  public static let results: [ResultSpec] = ["dlogits"]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkLabels(operands[1], operands[2])
    try checkVector(operands, 3, size: operands[1].knownShape[1], of: Self.operands)
    return [operands[1]]
  }
}
