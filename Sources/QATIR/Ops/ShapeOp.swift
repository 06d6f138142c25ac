import QATCore

/// The sizes of a tensor's axes: ONNX's `Shape`.
///
/// - Operand: `data` of any type.
/// - Result: i64[k].
/// - Attributes: `start` and `end`, the axes from and before which; negative ones count from the
///   back, those out of range are clamped.
public struct ShapeOp: TakesUnknownRank, ShapeArithmetic {
  public static let name: OpName = "Shape"
  public static let operands: [OperandSpec] = [.any("data")]
  public static let attributes: [Attribute<Self>] = [.init("start", \.start), .init("end", \.end)]

  /// The first axis that is told.
  public var start = 0
  /// Behind the last axis that is told; all where absent.
  public var end: Int? = nil

  public init() {}
  public init(start: Int, end: Int? = nil) {
    self.start = start
    self.end = end
  }

  /// The axes whose sizes it gives, of a tensor of that rank.
  public func axes(rank: Int) -> Range<Int> {
    func clamped(_ axis: Int) -> Int { max(0, min(rank, axis < 0 ? axis + rank : axis)) }
    let first = clamped(start)
    return first..<max(first, clamped(end ?? rank))
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let count = operands[0].shape.map { Dimension(axes(rank: $0.rank).count) }
    return [TensorType(.i64, [count ?? .unknown])]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [.i64] }

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    guard let shape = operands[0].shape else { return nil }
    return Array(shape.dimensions[axes(rank: shape.rank)])
  }
}
