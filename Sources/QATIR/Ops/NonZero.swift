import QATCore

/// Where the elements that are not 0 stand, in row-major order.
///
/// - Operand: `x`, numbers of any type or bool.
/// - Result: i64[rank of `x`, how many there are]: a column is the index of one element. How many
///   there are is known of constants alone.
public struct NonZero: Operation {
  public static let name: OpName = "NonZero"
  public static let operands: [OperandSpec] = [OperandSpec("x", .numeric.union([.bool]))]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let count = operands.constant(0).flatMap(Self.places)?.count
    let rank = operands[0].knownShape.rank
    return [TensorType(.i64, Shape([Dimension(rank), count.map { Dimension($0) } ?? .unknown]))]
  }
  public func resultElements(_ operands: Operands) -> [ElementType] { [.i64] }

  /// The row-major offsets of the elements that are not 0; `nil` for types without numbers.
  public static func places(_ x: AnyTensor) -> [Int]? {
    x.doubles.map { numbers in numbers.indices.filter { numbers[$0] != 0 } }
  }
}
