import QATCore

/// The gradient of `LRN`.
///
///     dx[c] = dy[c] / s[c]^beta
///           - 2 * alpha * beta / size * x[c] * sum over c' of dy[c'] * x[c'] / s[c']^(beta + 1)
///
/// where s is what the `LRN` raises to `beta`, and c counts for each c'.
///
/// - Operands: `dy` float; `x`, the input.
/// - Result: the type of `x`.
/// - Attributes: those of `LRN`.
public struct LRNGradient: Operation {
  public static let name: OpName = "qat.LRNGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("x")]
  public static let results: [ResultSpec] = ["dx"]
  public static let attributes: [Attribute<Self>] = LRN.attributes.map { $0.within(\.forward) }

  /// The operation that this is the gradient of.
  public var forward = LRN()

  public init() {}
  /// The gradient of that operation.
  public init(_ forward: LRN) { self.forward = forward }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSeed(operands[0], of: forward, [operands[1]])
    return [operands[1]]
  }
}
