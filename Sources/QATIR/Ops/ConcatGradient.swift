import QATCore

/// Cuts the gradient of a `Concat` into those of its operands.
///
/// - Operands: `dy`, shaped like the result of the `Concat`; its operands, for their shapes.
/// - Results: one for each operand of the `Concat`, of its type.
/// - Attribute: `axis` of the `Concat`.
public struct ConcatGradient: Operation {
  public static let name: OpName = "qat.ConcatGradient"
  public static let operands: [OperandSpec] = [
    .float("dy"), .float("inputs", .variadic),
  ]
  public static let results: [ResultSpec] = [ResultSpec("dx", .variadic)]
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]

  /// The axis; negative ones count from the back.
  public var axis = 0

  public init() {}
  public init(axis: Int) { self.axis = axis }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let inputs = operands.all.dropFirst().compactMap { $0?.type }
    try checkSeed(operands[0], of: Concat(axis: axis), inputs)
    return inputs
  }
}
