import QATCore

/// A copy of `data` with parts written at tuples of indices into its leading axes.
///
///     y[indices[i..., 0], indices[i..., 1], …, k...] = updates[i..., k...]
///
/// - Operands: `data` of any type, rank 1 or more; `indices` i64[i..., n], as of `GatherND`;
///   `updates` of the type of `data`, shaped like the parts that `GatherND` would pick.
/// - Result: the type of `data`.
/// - Attribute: `reduction`: what becomes of an update and the element that is there.
public struct ScatterND: Scattering {
  public static let name: OpName = "ScatterND"
  public static let operands: [OperandSpec] = [.any("data"), .i64("indices"), .any("updates")]
  public static let attributes: [Attribute<Self>] = [.init("reduction", \.reduction)]

  public var reduction = ScatterReduction.none

  public init() {}
  public init(reduction: ScatterReduction) { self.reduction = reduction }

  public var gathering: any Operation { GatherND() }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkReduction(operands[0].element)
    let data = operands[0].knownShape, indices = operands[1].knownShape
    if let parts = try partsShape(data, indices) {
      let updates = operands[2].knownShape
      let agrees =
        updates.rank == parts.rank
        && zip(updates.dimensions, parts.dimensions).allSatisfy {
          $0.size == nil || $1.size == nil || $0.size == $1.size
        }
      guard agrees else {
        throw Diagnostic(
          .shapeMismatch,
          "updates have shape \(updates), but indices \(indices) into data \(data) ask for \(parts)"
        )
      }
    }
    return [operands[0]]
  }
}
