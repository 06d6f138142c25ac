import QATCore

/// The p-norm of each channel of each image.
///
///     y = (sum of |x|^p)^(1/p)
///
/// - Operand: `x` float[N, C, spatial...].
/// - Result: float[N, C, 1...].
/// - Attribute: `p`.
public struct GlobalLpPool: Operation {
  public static let name: OpName = "GlobalLpPool"
  public static let operands: [OperandSpec] = [.float("x")]
  public static let attributes: [Attribute<Self>] = [.init("p", \.p)]

  /// Which norm; 1 or more.
  public var p = 2

  public init() {}
  public init(p: Int) { self.p = p }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkNorm(p)
    return [TensorType(operands[0].element, try globallyPooledShape(operands[0].knownShape))]
  }
}

extension GlobalLpPool: Differentiable {
  /// `dy * sign(x) * (|x| / y)^(p-1)`, 0 where y is 0.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), y = call.result
    let slope = builder.multiply(call.seed, builder.emit(Sign(), [x]))
    if p == 1 { return [slope] }
    let isZero = builder.emit(Equal(), [y, builder.scalar(0, like: y)])
    let norm = builder.emit(Where(), [isZero, builder.scalar(1, like: y), y])
    let share = builder.divide(builder.emit(Abs(), [x]), norm)
    let power = builder.emit(Pow(), [share, builder.scalar(Double(p - 1), like: x)])
    return [builder.multiply(slope, power)]
  }
}
