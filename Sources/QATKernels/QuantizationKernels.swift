internal import CQATKernels
import QATCore

/// Tensors seen as [outer][channels][inner], with a scale and a zero point a channel, or a block of
/// neighbouring channels in each row and column.
public struct CodeLayout: Sendable, Equatable {
  public let outer: Int, channels: Int, inner: Int
  /// Channels that share parameters, which then are [outer][blocks][inner]; 0 for one a channel.
  public let block: Int

  /// - Parameters:
  ///   - axis: of the channels; `nil` for one scale per tensor. - blockSize: 0 for no blocks.
  public init(shape: [Int], axis: Int?, blockSize: Int = 0) {
    block = axis == nil ? 0 : blockSize
    guard let given = axis else {
      (outer, channels, inner) = (1, 1, shape.reduce(1, *))
      return
    }
    let axis = given < 0 ? given + shape.count : given
    outer = shape[..<axis].reduce(1, *)
    channels = shape[axis]
    inner = shape[(axis + 1)...].reduce(1, *)
  }

  private init(outer: Int, channels: Int, inner: Int) {
    (self.outer, self.channels, self.inner, block) = (outer, channels, inner, 0)
  }

  /// Cuts a tensor into parts that threads share: of whole rows where there are several, and without
  /// channels anywhere.
  public func share(_ pool: ThreadPool, _ body: (CodeLayout, Range<Int>) -> Void) {
    let row = channels * inner
    if block == 0, channels == 1, outer == 1 {
      pool.share(row) { body(CodeLayout(outer: 1, channels: 1, inner: $0.count), $0) }
    } else if block == 0, outer > 1 {
      pool.share(outer, by: ThreadPool.rows(of: row)) {
        body(
          CodeLayout(outer: $0.count, channels: channels, inner: inner),
          $0.lowerBound * row..<$0.upperBound * row)
      }
    } else {
      body(self, 0..<count)
    }
  }

  public var count: Int { outer * channels * inner }
  public var parameterCount: Int {
    block == 0 ? channels : outer * ((channels + block - 1) / block) * inner
  }
}

/// Between real numbers and codes.
public enum QuantizationKernels {
  /// q = clamp(rint(x / scale) + zero, lo, hi).
  public static func quantize(
    _ layout: CodeLayout, x: TensorView, scale: TensorView, zero: [Int32],
    range: ClosedRange<Int32>, q: MutableTensorView
  ) {
    precondition(x.count == layout.count && q.count == layout.count)
    precondition(scale.count == layout.channels && zero.count == layout.channels)
    // SAFETY: sizes were checked; the array lives for the call.
    unsafe zero.withUnsafeBufferPointer { zero in
      unsafe qat_quantize(
        Int64(layout.outer), Int64(layout.channels), Int64(layout.inner), x.pointer(Float.self),
        scale.pointer(Float.self), zero.baseAddress, range.lowerBound, range.upperBound,
        code(q.element), q.base)
    }
  }

  /// x = (q - zero) * scale.
  public static func dequantize(
    _ layout: CodeLayout, q: TensorView, scale: TensorView, zero: [Int32], x: MutableTensorView
  ) {
    precondition(x.count == layout.count && q.count == layout.count)
    precondition(scale.count == layout.channels && zero.count == layout.channels)
    // SAFETY: sizes were checked; the array lives for the call.
    unsafe zero.withUnsafeBufferPointer { zero in
      unsafe qat_dequantize(
        Int64(layout.outer), Int64(layout.channels), Int64(layout.inner), q.base, code(q.element),
        scale.pointer(Float.self), zero.baseAddress, x.pointer(Float.self))
    }
  }

  /// y = (clamp(rint(x / scale) + zero, lo, hi) - zero) * scale.
  public static func fakeQuantize(
    _ layout: CodeLayout, x: TensorView, scale: TensorView, zero: TensorView,
    range: ClosedRange<Int32>, y: MutableTensorView
  ) {
    check(layout, x.count, y.count, scale, zero)
    // SAFETY: sizes were checked.
    if layout.block > 0 {
      unsafe qat_fake_quantize_blocks(
        Int64(layout.outer), Int64(layout.channels), Int64(layout.inner), Int64(layout.block),
        x.pointer(Float.self), scale.pointer(Float.self), zero.pointer(Int32.self),
        range.lowerBound, range.upperBound, y.pointer(Float.self))
      return
    }
    unsafe qat_fake_quantize(
      Int64(layout.outer), Int64(layout.channels), Int64(layout.inner), x.pointer(Float.self),
      scale.pointer(Float.self), zero.pointer(Int32.self), range.lowerBound, range.upperBound,
      y.pointer(Float.self))
  }

  /// dx = dy where no code saturates, else 0.
  public static func fakeQuantizeGradient(
    _ layout: CodeLayout, dy: TensorView, x: TensorView, scale: TensorView, zero: TensorView,
    range: ClosedRange<Int32>, dx: MutableTensorView
  ) {
    check(layout, x.count, dx.count, scale, zero)
    precondition(dy.count == x.count)
    // SAFETY: sizes were checked.
    if layout.block > 0 {
      unsafe qat_fake_quantize_blocks_gradient(
        Int64(layout.outer), Int64(layout.channels), Int64(layout.inner), Int64(layout.block),
        x.pointer(Float.self), scale.pointer(Float.self), zero.pointer(Int32.self),
        range.lowerBound, range.upperBound, dy.pointer(Float.self), dx.pointer(Float.self))
      return
    }
    unsafe qat_fake_quantize_gradient(
      Int64(layout.outer), Int64(layout.channels), Int64(layout.inner), x.pointer(Float.self),
      scale.pointer(Float.self), zero.pointer(Int32.self), range.lowerBound, range.upperBound,
      dy.pointer(Float.self), dx.pointer(Float.self))
  }

  /// q = clamp(rint(x / scale) + zero, lo, hi), the zero points in memory.
  public static func quantize(
    _ layout: CodeLayout, x: TensorView, scale: TensorView, zero: TensorView,
    range: ClosedRange<Int32>, q: MutableTensorView
  ) {
    check(layout, x.count, q.count, scale, zero)
    // SAFETY: sizes were checked.
    unsafe qat_quantize(
      Int64(layout.outer), Int64(layout.channels), Int64(layout.inner), x.pointer(Float.self),
      scale.pointer(Float.self), zero.pointer(Int32.self), range.lowerBound, range.upperBound,
      code(q.element), q.base)
  }

  /// The same with one scale, and a bit an element: whether no code saturates and, where `positive`,
  /// x > 0.
  public static func quantize(
    x: TensorView, scale: TensorView, zero: TensorView, range: ClosedRange<Int32>, positive: Bool,
    q: MutableTensorView, mask: MutableTensorView
  ) {
    precondition(q.count == x.count && q.element.bitWidth == 8 && scale.count == 1)
    precondition(mask.byteCount == (x.count + 7) / 8 && zero.count == 1)
    // SAFETY: sizes were checked.
    unsafe qat_quantize_bits(
      Int64(x.count), x.pointer(Float.self), scale.pointer(Float.self)[0],
      zero.pointer(Int32.self)[0], range.lowerBound, range.upperBound, positive,
      q.base.assumingMemoryBound(to: UInt8.self), mask.base.assumingMemoryBound(to: UInt8.self))
  }

  /// dx = dy where the bit is set, else 0.
  public static func applyMask(dy: TensorView, mask: TensorView, dx: MutableTensorView) {
    precondition(dy.count == dx.count && mask.byteCount == (dy.count + 7) / 8)
    // SAFETY: sizes were checked.
    unsafe qat_apply_bits(
      Int64(dy.count), dy.pointer(Float.self), mask.base.assumingMemoryBound(to: UInt8.self),
      dx.pointer(Float.self))
  }

  /// x = (q - zero) * scale, the zero points in memory.
  public static func dequantize(
    _ layout: CodeLayout, q: TensorView, scale: TensorView, zero: TensorView, x: MutableTensorView
  ) {
    check(layout, x.count, q.count, scale, zero)
    // SAFETY: sizes were checked.
    unsafe qat_dequantize(
      Int64(layout.outer), Int64(layout.channels), Int64(layout.inner), q.base, code(q.element),
      scale.pointer(Float.self), zero.pointer(Int32.self), x.pointer(Float.self))
  }

  /// y = clamp(x, lo, hi) on 8-bit codes.
  public static func clip(_ x: TensorView, range: ClosedRange<Int32>, y: MutableTensorView) {
    precondition(x.count == y.count && x.element.bitWidth == 8)
    // SAFETY: sizes were checked.
    unsafe qat_clip_codes(
      Int64(x.count), x.base, x.element == .i8, range.lowerBound, range.upperBound, y.base)
  }

  /// The one 8-bit code of a view.
  public static func code(_ view: TensorView) -> Int32 {
    precondition(view.count == 1 && view.element.bitWidth == 8)
    // SAFETY: the view holds one byte.
    let byte = unsafe view.base.load(as: UInt8.self)
    return view.element == .i8 ? Int32(Int8(bitPattern: byte)) : Int32(byte)
  }

  private static func check(
    _ layout: CodeLayout, _ x: Int, _ y: Int, _ scale: TensorView, _ zero: TensorView
  ) {
    precondition(x == layout.count && y == layout.count)
    precondition(scale.count == layout.parameterCount && zero.count == layout.parameterCount)
  }

  private static func code(_ element: ElementType) -> qat_code {
    switch element {
    case .u8: QAT_U8
    case .i8: QAT_S8
    case .u16: QAT_U16
    case .i16: QAT_S16
    default: preconditionFailure("\(element.name) is no type of codes")
    }
  }
}
