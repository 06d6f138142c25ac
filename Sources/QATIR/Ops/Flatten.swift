import QATCore

/// The same elements as a matrix: the axes before `axis` become rows, the others columns.
///
/// - Operand: `x` [d0, d1, ...] of any type.
/// - Result: [d0 * ... , ... * dn].
public struct Flatten: TakesUnknownRank {
  public static let name: OpName = "Flatten"
  public static let operands: [OperandSpec] = [.any("x")]
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]

  /// From 0 to the rank; negative ones count from the back.
  public var axis = 1

  public init() {}
  public init(axis: Int) { self.axis = axis }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard let x = operands[0].shape else {
      return [TensorType(operands[0].element, [.unknown, .unknown])]
    }
    // Unlike elsewhere the rank itself is allowed.
    let split = axis < 0 ? try checkedAxis(axis, rank: x.rank) : axis
    guard split <= x.rank else {
      throw Diagnostic(.invalidAttribute, "axis \(axis) is outside a tensor of rank \(x.rank)")
    }
    let rows = x.dimensions.prefix(split).reduce(1, *)
    let columns = x.dimensions.dropFirst(split).reduce(1, *)
    return [TensorType(operands[0].element, [rows, columns])]
  }
}

extension Flatten: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(ReshapeLike(), [call.seed, call.operand(0)])]
  }
}
