import QATCore

/// One step of Adam, for one parameter; with `decoupled` weight decay it is AdamW.
///
///     g' = decoupled ? g : g + weight_decay * w
///     m' = beta1 * m + (1 - beta1) * g'
///     v' = beta2 * v + (1 - beta2) * g'^2
///     w' = w * (decoupled ? 1 - learning_rate * weight_decay : 1)
///          - learning_rate * (m' / (1 - beta1^t)) / (sqrt(v' / (1 - beta2^t)) + epsilon)
///
/// - Operands: `w`, `gradient`, `m`, `v` of one type and shape; `step` i64[], the steps taken before
///   (t = step + 1); `learning_rate` f32[].
/// - Results: the new `w`, `m`, `v`.
/// - Source: Kingma and Ba, arXiv:1412.6980; Loshchilov and Hutter, arXiv:1711.05101.
public struct Adam: Operation {
  public static let name: OpName = "qat.Adam"
  public static let operands: [OperandSpec] = [
    .float("w"), .float("gradient"), .float("m"), .float("v"), .i64("step"),
    .float("learning_rate"),
  ]
  public static let results: [ResultSpec] = ["w", "m", "v"]
  public static let attributes: [Attribute<Self>] = [
    .init("beta1", \.beta1), .init("beta2", \.beta2), .init("epsilon", \.epsilon),
    .init("weight_decay", \.weightDecay), .init("decoupled", \.decoupled),
  ]

  /// The weight of what the first moment was.
  public var beta1: Float = 0.9
  /// The weight of what the second moment was.
  public var beta2: Float = 0.999
  /// Added to the root of the second moment.
  public var epsilon: Float = 1e-8
  /// Times the variable: added to the gradient, or decoupled from it.
  public var weightDecay: Float = 0
  /// Weight decay apart from the gradient (AdamW).
  public var decoupled = false

  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSameShapes(operands, [0, 1, 2, 3])
    return [operands[0], operands[0], operands[0]]
  }
}
