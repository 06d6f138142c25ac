import QATCore

/// A function of all elements along one axis that keeps the shape: `Softmax` and its kin.
public protocol AxisNormalizing: KeepsSamplesApart {
  /// The axis; negative ones count from the back.
  var axis: Int { get }
}

extension AxisNormalizing {
  public static var operands: [OperandSpec] { [.float("x")] }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    _ = try checkedAxis(axis, rank: operands[0].knownShape.rank)
    return [operands[0]]
  }
}

/// The gradient of an operation along one axis, by the operation's result.
public protocol AxisNormalizingGradient: Operation {
  /// The axis; negative ones count from the back.
  var axis: Int { get }
}

extension AxisNormalizingGradient {
  public static var operands: [OperandSpec] { [.float("dy"), .float("y")] }
  public static var results: [ResultSpec] { ["dx"] }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSameShape(operands, [0, 1], of: Self.operands)
    _ = try checkedAxis(axis, rank: operands[1].knownShape.rank)
    return [operands[1]]
  }
}
