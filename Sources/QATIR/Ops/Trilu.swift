import QATCore

/// The upper or the lower triangle of matrices; 0 in the rest.
///
///     y[..., i, j] = j - i >= k ? x[..., i, j] : 0       // upper; lower: j - i <= k
///
/// - Operands: `x` [..., N, M] of any type; `k`, a scalar i64, optional (0): the diagonal that
///   bounds the triangle, above the main one where positive.
/// - Result: the type of `x`.
/// - Attribute: `upper`.
public struct Trilu: Operation {
  public static let name: OpName = "Trilu"
  public static let operands: [OperandSpec] = [.any("x"), .i64("k", .optional)]
  public static let attributes: [Attribute<Self>] = [.init("upper", \.upper)]

  /// Whether the upper triangle is kept, else the lower one.
  public var upper = true

  public init() {}
  public init(upper: Bool) { self.upper = upper }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard operands[0].knownShape.rank >= 2 else {
      throw Diagnostic(.shapeMismatch, "x has shape \(operands[0].knownShape), expected matrices")
    }
    if let count = operands.optional(1)?.knownShape.elementCount.size, count != 1 {
      throw Diagnostic(.shapeMismatch, "k has \(count) elements, expected 1")
    }
    return [operands[0]]
  }

  /// Whether an element of a matrix is kept.
  public func keeps(row: Int, column: Int, k: Int) -> Bool {
    let (bound, overflow) = row.addingReportingOverflow(k)
    let isAbove = overflow ? k < 0 : column >= bound
    let isBelow = overflow ? k > 0 : column <= bound
    return upper ? isAbove : isBelow
  }
}

extension Trilu: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let dx = builder.emit(self, [call.seed] + call.operands.dropFirst())
    return [dx] + call.operands.dropFirst().map { _ in nil }
  }
}
