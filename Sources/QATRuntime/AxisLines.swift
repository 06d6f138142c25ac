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

  /// Calls `body` with the offsets of each line's elements.
  func forEach(_ body: (StrideTo<Int>) -> Void) {
    for block in 0..<outer {
      for inner in 0..<self.stride {
        let start = block * length * self.stride + inner
        body(Swift.stride(from: start, to: start + length * self.stride, by: self.stride))
      }
    }
  }
}
