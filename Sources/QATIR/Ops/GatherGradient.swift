import QATCore

/// The gradient of `Gather`: zeros, to which each slice of `dy` is added where it was picked.
///
/// - Operands: `dy` float, shaped like the result; `x`, what was picked from, for its shape;
///   `indices` as of `Gather`.
/// - Result: the type of `x`.
/// - Attribute: `axis` of the `Gather`.
public struct GatherGradient: Operation {
  public static let name: OpName = "qat.GatherGradient"
  public static let operands: [OperandSpec] = [
    .float("dy"), .float("x"), OperandSpec("indices", [.i32, .i64]),
  ]
  public static let results: [ResultSpec] = ["dx"]
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]

  /// The axis; negative ones count from the back.
  public var axis = 0

  public init() {}
  public init(axis: Int) { self.axis = axis }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSeed(operands[0], of: Gather(axis: axis), [operands[1], operands[2]])
    return [operands[1]]
  }
}
