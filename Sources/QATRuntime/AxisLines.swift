import QATCore
import QATIR

/// The lines of a tensor along one axis: where each starts, and how far its elements are apart.
struct AxisLines {
  let length: Int
  let stride: Int
  private let outer: Int

  /// - Precondition: the axis, which may count from the back, is inside the shape.
  init(_ shape: [Int], axis: Int) {
    let axis = axis < 0 ? axis + shape.count : axis
    length = shape[axis]
    stride = shape[(axis + 1)...].reduce(1, *)
    outer = shape[..<axis].reduce(1, *)
  }

  /// How many lines there are.
  var count: Int { outer * stride }

  /// The offset of a line's first element.
  func start(of line: Int) -> Int { line / stride * length * stride + line % stride }

  /// The offsets of a line's elements.
  subscript(line: Int) -> StrideTo<Int> {
    let start = start(of: line)
    return Swift.stride(from: start, to: start + length * stride, by: stride)
  }

  /// Calls `body` with the offsets of each line's elements.
  func forEach(_ body: (StrideTo<Int>) -> Void) {
    for line in 0..<count { body(self[line]) }
  }
}
