internal import CQATKernels
import QATCore

/// Conversions between floats of 16 bits and of 32.
public enum HalfKernels {
  /// y = x, exactly.
  /// - Precondition: `x` is f16 or bf16, `y` f32.
  public static func widen(_ x: TensorView, _ y: MutableTensorView) {
    precondition(x.count == y.count && [.f16, .bf16].contains(x.element))
    // SAFETY: sizes were checked; elements of `x` have 16 bits.
    let from = unsafe x.base.assumingMemoryBound(to: UInt16.self), to = unsafe y.pointer(Float.self)
    if x.element == .f16 {
      unsafe qat_widen_f16(Int64(x.count), from, to)
    } else {
      unsafe qat_widen_bf16(Int64(x.count), from, to)
    }
  }

  /// y = x to nearest, ties to even.
  /// - Precondition: `x` is f32, `y` f16 or bf16.
  public static func round(_ x: TensorView, _ y: MutableTensorView) {
    precondition(x.count == y.count && [.f16, .bf16].contains(y.element))
    // SAFETY: sizes were checked; elements of `y` have 16 bits.
    let from = unsafe x.pointer(Float.self), to = unsafe y.base.assumingMemoryBound(to: UInt16.self)
    if y.element == .f16 {
      unsafe qat_round_f16(Int64(x.count), from, to)
    } else {
      unsafe qat_round_bf16(Int64(x.count), from, to)
    }
  }
}
