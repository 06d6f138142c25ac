internal import CQATKernels
import QATCore

/// What the operands of a float product or convolution are before they are multiplied. Products are
/// summed in float32 either way.
public enum ProductPrecision: Sendable {
  /// As they are.
  case f32
  /// Rounded to bfloat16, to nearest even. Where the CPU has fast instructions for it the kernel does that
  /// and sums in its own order; elsewhere a copy is rounded and the kernel is that of float32.
  case bf16

  /// Whether operands are rounded in front of the kernel.
  var roundsAhead: Bool { self == .bf16 && !qat_sgemm_rounds() }

  /// Bytes of the rounded copies of operands of so many elements together.
  func copyByteCount(_ elements: Int) -> Int { roundsAhead ? 4 * elements : 0 }

  /// An operand as the kernel takes it: itself, or rounded into `memory`, `start` elements in.
  func operand(
    _ x: TensorView, _ memory: MutableTensorView, at start: Int = 0, _ pool: ThreadPool
  ) -> TensorView {
    guard roundsAhead else { return x }
    let copy = memory.floats(at: start, count: x.count)
    // SAFETY: `floats` checked that the copy lies inside the memory.
    unsafe qat_round_through_bf16(
      Int64(x.count), x.pointer(Float.self), copy.pointer(Float.self), pool.pool)
    return copy.readOnly
  }

  /// Rounds what was packed, where the kernel does not.
  func round(_ packed: MutableTensorView, byteCount: Int, _ pool: ThreadPool) {
    guard roundsAhead else { return }
    precondition(packed.byteCount >= byteCount)
    // SAFETY: as many bytes, as just checked.
    let start = unsafe packed.base.assumingMemoryBound(to: Float.self)
    unsafe qat_round_through_bf16(Int64(byteCount / 4), start, start, pool.pool)
  }
}
