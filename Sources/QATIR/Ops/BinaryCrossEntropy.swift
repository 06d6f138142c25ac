import QATCore

/// The mean cross entropy between `sigmoid(prediction)` and targets in 0…1.
///
///     ℓ = max(z, 0) - z·t + log(1 + exp(-|z|))
///
/// `prediction` is a logit: the sigmoid is part of the loss, which so stays exact for large logits.
public struct BinaryCrossEntropy: ElementwiseLoss {
  public static let name: OpName = "qat.BinaryCrossEntropy"
  public init() {}
}

extension BinaryCrossEntropy: Differentiable {
  /// `dz = (sigmoid(z) - t) / n`; `dt = -z / n`.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let z = call.operand(0), share = share(of: call, in: &builder)
    let error = builder.subtract(builder.emit(Sigmoid(), [z]), call.operand(1))
    let logits = builder.multiply(share, error)
    guard call.needs(1) else { return [logits, nil] }
    return [logits, builder.emit(Neg(), [builder.multiply(share, z)])]
  }
}
