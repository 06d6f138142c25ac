import QATCore

/// The gradient of `Tile`: the sum over all copies of each element.
///
/// - Operands: `dy` float, shaped like the result; `x`, what was repeated, for its shape.
/// - Result: the type of `x`.
public struct TileGradient: Operation {
  public static let name: OpName = "qat.TileGradient"
  public static let operands: [OperandSpec] = [.float("dy"), .float("x")]
  public static let results: [ResultSpec] = ["dx"]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let dy = operands[0].knownShape, x = operands[1].knownShape
    let isTiled =
      dy.rank == x.rank
      && zip(dy.dimensions, x.dimensions).allSatisfy { whole, part in
        guard let whole = whole.size, let part = part.size else { return true }
        return part == 0 ? whole == 0 : whole % part == 0
      }
    guard isTiled else {
      throw Diagnostic(.shapeMismatch, "dy has shape \(dy), which is not that of x \(x) repeated")
    }
    return [operands[1]]
  }
}
