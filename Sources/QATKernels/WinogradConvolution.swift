internal import CQATKernels
import QATCore

/// Float convolutions of images NHWC with constant kernels of 3 x 3 and stride 1, by minimal filtering:
/// F(2 x 2, 3 x 3) of Lavin and Gray (Fast algorithms for convolutional neural networks, 2016).
///
/// 16 products make four results instead of 36. The error is about that of the sum itself; an input that
/// is infinite or a NaN reaches all results of the squares of 2 x 2 that see it.
public struct WinogradConvolution {
  private let shape: ConvolutionShape

  /// Nil where it does not apply, or is no faster.
  /// - Parameter shape: sizes as for images NCHW.
  public init?(_ shape: ConvolutionShape, _ precision: ProductPrecision = .f32) {
    var c = shape.c
    guard precision == .f32, unsafe qat_conv_winograd_applies(&c) else { return nil }
    self.shape = shape
  }

  public func scratchByteCount(_ pool: ThreadPool) -> Int {
    var c = shape.c
    return unsafe qat_conv_winograd_scratch(&c, Int32(pool.threads))
  }

  private var packedByteCount: Int {
    var c = shape.c
    return unsafe 4 * qat_conv_winograd_packed_size(&c)
  }

  public func packed(_ w: AnyTensor, _ pool: ThreadPool) -> PackedWeights {
    let view = TensorView(w)
    precondition(view.count == shape.weightCount)
    var c = shape.c
    return unsafe PackedWeights.of(
      [w], shape.packing("winograd_f32", byteCount: packedByteCount), byteCount: packedByteCount
    ) { memory in
      // SAFETY: sizes were checked.
      unsafe qat_conv_winograd_pack(
        &c, view.pointer(Float.self), memory.assumingMemoryBound(to: Float.self),
        pool.pool)
    }
  }

  /// y = clamp(conv(x, w) + bias + residual).
  /// - Parameters:
  ///   - packed: by `packed`. - residual: shaped like `y`. - range: a NaN passes.
  public func forward(
    x: TensorView, packed: PackedWeights, bias: TensorView?, residual: TensorView? = nil,
    range: ClosedRange<Float>? = nil, y: MutableTensorView, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    precondition(x.count == shape.inputCount && y.count == shape.outputCount)
    precondition(packed.view.byteCount >= packedByteCount)
    precondition(bias.map { $0.count == shape.outChannels } ?? true)
    precondition(residual.map { $0.count == y.count } ?? true)
    var c = shape.c
    // SAFETY: sizes were checked; scratch was asked for with `scratchByteCount`.
    var epilogue = unsafe qat_conv_epilogue(bias: bias, residual: residual, range: range)
    unsafe qat_conv_winograd(
      &c, x.pointer(Float.self), packed.view.base.assumingMemoryBound(to: Float.self), &epilogue,
      y.pointer(Float.self), pool.pool, scratch.base)
  }
}
