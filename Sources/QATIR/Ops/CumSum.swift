import QATCore

/// The sums of all elements up to each one along an axis.
///
/// - Operands: `x`, numbers of any type; `axis` i32 or i64, a scalar, negative ones counted from
///   the back.
/// - Attributes: `exclusive`: without the element itself, so that the first sum is 0; `reverse`:
///   from the last element on.
public struct CumSum: Operation {
  public static let name: OpName = "CumSum"
  public static let operands: [OperandSpec] = [
    OperandSpec("x", .numeric), OperandSpec("axis", [.i32, .i64]),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("exclusive", \.exclusive), .init("reverse", \.reverse),
  ]
  /// Whether an element is left out of its own sum.
  public var exclusive = false
  /// Whether the last element comes first.
  public var reverse = false
  public init() {}
  public init(exclusive: Bool, reverse: Bool) {
    self.exclusive = exclusive
    self.reverse = reverse
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    if let count = operands[1].knownShape.elementCount.size, count != 1 {
      throw Diagnostic(
        .shapeMismatch, "axis has shape \(operands[1].knownShape), expected a scalar")
    }
    if let axis = operands.integers(1)?.first {
      _ = try checkedAxis(axis, rank: operands[0].knownShape.rank)
    }
    return [operands[0]]
  }
}

extension CumSum: Differentiable {
  /// The sums of `dy` from the other end.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let back = CumSum(exclusive: exclusive, reverse: !reverse)
    return [builder.emit(back, [call.seed, call.operand(1)]), nil]
  }
}
