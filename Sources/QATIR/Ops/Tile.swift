import QATCore

/// A tensor repeated along its axes.
///
///     y[i, j] = x[i mod height, j mod width]
///
/// - Operands: `x` of any type; `repeats` i64[rank], how often along each axis.
/// - Result: each size times its number of repeats.
public struct Tile: Operation {
  public static let name: OpName = "Tile"
  public static let operands: [OperandSpec] = [.any("x"), .i64("repeats")]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape, element = operands[0].element
    let given = operands.dimensions(1) ?? operands.integers(1)?.map { Dimension(signed: $0) }
    guard let repeats = given ?? unknownElements(operands[1]) else {
      return [TensorType(element, Shape(x.dimensions.map { _ in .unknown }))]
    }
    guard repeats.count == x.rank else {
      throw Diagnostic(
        .shapeMismatch, "repeats has \(repeats.count) entries for x \(x)",
        hint: "give one for each axis")
    }
    if let negative = repeats.compactMap(\.integer).first(where: { $0 < 0 }) {
      throw Diagnostic(.invalidOperand, "repeats has a negative entry, \(negative)")
    }
    return [TensorType(element, Shape(zip(x.dimensions, repeats).map { $0 * $1 }))]
  }
}

extension Tile: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(TileGradient(), [call.seed, call.operand(0)]), nil]
  }
}
