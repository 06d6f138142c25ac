import QATCore

/// The gradient of `LpPool`, of every window that an element is under.
///
///     dx = sum of dy * sign(x) * (|x| / y)^(p-1)          // 0 where y is 0
///
/// - Operands: `dy` float; `x` float[N, C, spatial...], the input; `y`, the result.
/// - Result: the type of `x`.
/// - Attributes: those of `LpPool`.
public struct LpPoolGradient: Operation {
  public static let name: OpName = "qat.LpPoolGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("x"), .float("y")]
  public static let results: [ResultSpec] = ["dx"]
  public static let attributes: [Attribute<Self>] = LpPool.attributes.map { $0.within(\.forward) }

  /// The operation that this is the gradient of.
  public var forward = LpPool()

  public init() {}
  /// The gradient of that operation.
  public init(_ forward: LpPool) { self.forward = forward }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSeed(operands[0], of: forward, [operands[1]])
    try checkSameShape(operands, [0, 2], of: Self.operands)
    return [operands[1]]
  }
}
