internal import CQATKernels
import QATCore

/// A box of elements between two layouts: where it starts in each, and how far neighbours along each
/// axis are apart, in elements.
public struct StridedBox: Sendable {
  let shape: [Int], fromStart: Int, fromStrides: [Int], toStart: Int, toStrides: [Int]
  /// The elements that either side must have.
  let fromCount: Int, toCount: Int

  /// - Returns: `nil` for more than 8 axes longer than 1, or a box that leaves its tensors.
  public init?(
    _ shape: [Int], from start: Int = 0, _ fromStrides: [Int], of fromCount: Int,
    to toStart: Int = 0, _ toStrides: [Int], of toCount: Int
  ) {
    precondition(shape.count == fromStrides.count && shape.count == toStrides.count)
    let axes = shape.indices.filter { shape[$0] != 1 }
    guard axes.count <= 8 else { return nil }
    self.shape = axes.map { shape[$0] }
    self.fromStrides = axes.map { fromStrides[$0] }
    self.toStrides = axes.map { toStrides[$0] }
    (fromStart, self.toStart, self.fromCount, self.toCount) = (start, toStart, fromCount, toCount)
    guard !shape.contains(0) else { return }
    for (start, strides, count) in [
      (start, self.fromStrides, fromCount), (toStart, self.toStrides, toCount),
    ] {
      let reaches = zip(self.shape, strides).map { ($0 - 1) * $1 }
      let lowest = start + reaches.filter { $0 < 0 }.reduce(0, +)
      let highest = start + reaches.filter { $0 > 0 }.reduce(0, +)
      guard lowest >= 0, highest < count else { return nil }
    }
  }
}

/// Elements that only change their places: of 8, 16, 32 or 64 bits.
public enum MovementKernels {
  public static func copy(_ box: StridedBox, from: TensorView, to: MutableTensorView) {
    precondition(from.element.bitWidth == to.element.bitWidth && from.element.bitWidth >= 8)
    precondition(from.count >= box.fromCount && to.count >= box.toCount)
    if box.shape.contains(0) { return }
    let bytes = from.element.bitWidth / 8
    // SAFETY: the box stays inside both, as its initializer checked; the arrays live for the call.
    unsafe box.shape.map(Int64.init).withUnsafeBufferPointer { shape in
      unsafe box.fromStrides.map(Int64.init).withUnsafeBufferPointer { fromStrides in
        unsafe box.toStrides.map(Int64.init).withUnsafeBufferPointer { toStrides in
          unsafe qat_copy_strided(
            Int32(shape.count), shape.baseAddress, Int32(bytes),
            from.base + box.fromStart * bytes, fromStrides.baseAddress,
            to.base + box.toStart * bytes, toStrides.baseAddress)
        }
      }
    }
  }
}

extension TensorView {
  /// `count` elements from one on, of whole bytes, as a vector.
  public func part(from start: Int, count: Int) -> TensorView {
    precondition(element.bitWidth >= 8 && start >= 0 && count >= 0 && start + count <= self.count)
    // SAFETY: inside, as just checked.
    return unsafe TensorView(base: base + start * element.bitWidth / 8, element, shape: [count])
  }
}

extension MutableTensorView {
  /// `count` elements from one on, of whole bytes, as a vector.
  public func part(from start: Int, count: Int) -> MutableTensorView {
    precondition(element.bitWidth >= 8 && start >= 0 && count >= 0 && start + count <= self.count)
    // SAFETY: inside, as just checked.
    return unsafe MutableTensorView(
      base: base + start * element.bitWidth / 8, element, shape: [count])
  }
}
