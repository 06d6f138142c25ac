import QATCore

/// The sum over all axes but one: the gradient of a bias per channel.
///
///     y[c] = sum of x[..., c, ...]
///
/// - Operand: `x` float[...].
/// - Result: float[C], where C is the size of `axis`.
/// - Attribute: `axis`, the axis that stays.
public struct ChannelSum: Operation {
  public static let name: OpName = "qat.ChannelSum"
  public static let operands: [OperandSpec] = [.float("x")]
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]

  /// The axis that stays.
  public var axis = 1

  public init() {}
  public init(axis: Int) { self.axis = axis }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    return [TensorType(operands[0].element, [x[try checkedAxis(axis, rank: x.rank)]])]
  }
}
