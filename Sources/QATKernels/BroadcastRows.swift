/// Rows of a result along which each of two operands moves with it or stands still.
///
/// A loop takes all rows at once: what it costs to call it is paid once, however short rows are.
public struct BroadcastRows: Sendable {
  /// Where a row starts in the result and in the operands.
  public typealias Start = (y: Int, a: Int, b: Int)

  /// Elements of each row.
  public let length: Int
  /// Whether an operand moves along a row; else its one element serves all.
  let moves: (a: Bool, b: Bool)
  private var starts: ArraySlice<Start>
  /// Elements that the rows touch reach from 0 to here.
  private let ends: (y: Int, a: Int, b: Int)

  /// - Precondition: no start is negative.
  public init(length: Int, moves: (a: Bool, b: Bool), starts: [Start]) {
    precondition(length >= 0 && starts.allSatisfy { min($0.y, $0.a, $0.b) >= 0 }, "a row before 0")
    (self.length, self.moves, self.starts) = (length, moves, starts[...])
    let end = { (start: Int?, moves: Bool) in start.map { $0 + (moves ? length : min(length, 1)) } }
    ends = (
      y: end(starts.lazy.map(\.y).max(), true) ?? 0,
      a: end(starts.lazy.map(\.a).max(), moves.a) ?? 0,
      b: end(starts.lazy.map(\.b).max(), moves.b) ?? 0
    )
  }

  /// A single row: operands of one element stand still.
  init(_ a: TensorView, _ b: TensorView, _ y: MutableTensorView) {
    let count = y.count, moves = (a: a.count == count, b: b.count == count)
    precondition(
      (moves.a || a.count == 1) && (moves.b || b.count == 1), "operands of other lengths")
    self.init(length: count, moves: moves, starts: [(0, 0, 0)])
  }

  public var count: Int { starts.count }

  /// Some of the rows.
  public subscript(range: Range<Int>) -> BroadcastRows {
    var part = self
    part.starts =
      starts[starts.startIndex + range.lowerBound..<starts.startIndex + range.upperBound]
    return part
  }

  /// Calls `body` for every row.
  /// - Precondition: rows lie inside the views, and an element is one or more bytes.
  func forEach(
    _ a: TensorView, _ b: TensorView, _ y: MutableTensorView,
    _ body: (UnsafeRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer) -> Void
  ) {
    precondition(
      ends.y <= y.count && ends.a <= a.count && ends.b <= b.count, "rows outside their tensors")
    precondition(min(a.element.bitWidth, b.element.bitWidth, y.element.bitWidth) >= 8)
    let size = (a: a.element.byteCount(1), b: b.element.byteCount(1), y: y.element.byteCount(1))
    let base = unsafe (a: a.base, b: b.base, y: y.base)
    for start in starts {
      // SAFETY: every row lies inside, as checked above for all.
      unsafe body(
        base.a + start.a * size.a, base.b + start.b * size.b, base.y + start.y * size.y)
    }
  }
}
