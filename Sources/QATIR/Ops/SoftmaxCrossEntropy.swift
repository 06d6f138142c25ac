import QATCore

/// The cross entropy between the softmax of `logits` along axis 1 and integer labels, averaged.
///
///     ℓᵢ = log Σ_c exp(logits[i,c]) - logits[i, labels[i]]
///     loss = Σ w[labels[i]]·ℓᵢ / Σ w[labels[i]]        w = 1 without weights
///
/// - Operands: `logits` float[N,C,…]; `labels` i64[N,…], in 0..<C; `weights`, one a class, float[C].
/// - Result: `loss`, a scalar.
public struct SoftmaxCrossEntropy: Operation {
  public static let name: OpName = "qat.SoftmaxCrossEntropy"
  public static let operands: [OperandSpec] = [
    .float("logits"), .i64("labels"), .float("weights", .optional),
  ]
  public static let results: [ResultSpec] = ["loss"]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkLabels(operands[0], operands[1])
    try checkVector(operands, 2, size: operands[0].knownShape[1], of: Self.operands)
    return [TensorType(operands[0].element, [])]
  }
}

/// Labels have the shape of the logits without axis 1.
func checkLabels(_ logits: TensorType, _ labels: TensorType) throws(Diagnostic) {
  let classes = logits.knownShape, indices = labels.knownShape
  guard classes.rank >= 2 else {
    throw Diagnostic(.shapeMismatch, "logits have shape \(classes), expected [N,C,…]")
  }
  var expected = classes.dimensions
  expected.remove(at: 1)
  let agrees =
    expected.count == indices.rank
    && zip(expected, indices.dimensions).allSatisfy { a, b in
      a.size == nil || b.size == nil || a.size == b.size
    }
  if !agrees {
    throw Diagnostic(
      .shapeMismatch, "labels have shape \(indices), expected \(Shape(expected))",
      hint: "labels are class numbers, one for each row of the logits")
  }
}

extension SoftmaxCrossEntropy: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(SoftmaxCrossEntropyGradient(), [call.seed] + call.operands), nil, nil]
  }
}
