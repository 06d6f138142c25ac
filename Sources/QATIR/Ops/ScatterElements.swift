import QATCore

/// A copy of `data` with elements written along an axis, one index for each update.
///
///     y[indices[i, j, k], j, k] = updates[i, j, k]      // along axis 0
///
/// - Operands: `data` of any type; `indices` i32 or i64 of its rank, as of `GatherElements`;
///   `updates` of the type of `data`, shaped like `indices`.
/// - Result: the type of `data`.
/// - Attributes: `axis`; `reduction`: what becomes of an update and the element that is there.
public struct ScatterElements: Scattering {
  public static let name: OpName = "ScatterElements"
  public static let operands: [OperandSpec] = [
    .any("data"), OperandSpec("indices", [.i32, .i64]), .any("updates"),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("axis", \.axis), .init("reduction", \.reduction),
  ]

  /// The axis; negative ones count from the back.
  public var axis = 0
  public var reduction = ScatterReduction.none

  public init() {}
  public init(axis: Int, reduction: ScatterReduction = .none) {
    self.axis = axis
    self.reduction = reduction
  }

  public var gathering: any Operation { GatherElements(axis: axis) }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkReduction(operands[0].element)
    try checkElementIndices(operands[1].knownShape, of: operands[0].knownShape, axis: axis)
    try checkSameShape(operands, [1, 2], of: Self.operands)
    return [operands[0]]
  }
}
