internal import CQATKernels
import QATCore

/// What observers read of a tensor.
public enum ObserverKernels {
  /// The smallest and the largest element of each channel.
  ///
  /// Both are NaN where there is one, so that nothing hides it, and 0 where there are no elements.
  public static func ranges(_ layout: CodeLayout, _ x: TensorView) -> (low: [Float], high: [Float])
  {
    precondition(x.count == layout.count)
    var low = [Float](repeating: 0, count: layout.channels), high = low
    if layout.count == 0 { return (low, high) }
    // SAFETY: the view holds `count` floats, the arrays one for each channel.
    unsafe low.withUnsafeMutableBufferPointer { low in
      unsafe high.withUnsafeMutableBufferPointer { high in
        unsafe qat_channel_ranges_f32(
          Int64(layout.outer), Int64(layout.channels), Int64(layout.inner), x.pointer(Float.self),
          low.baseAddress, high.baseAddress)
      }
    }
    return (low, high)
  }

  /// Counts the elements of one channel: `counts[n / 2 + floor(x / width)] += 1`, n the bins.
  ///
  /// Exact, because the width is a power of two. Elements outside the bins go to the first or the last.
  /// - Precondition: `width` is a power of two from 2⁻¹²⁶ to 2¹²⁶, the number of bins even.
  public static func count(
    _ layout: CodeLayout, _ x: TensorView, channel: Int, width: Float, into counts: inout [Int64]
  ) {
    precondition(x.count == layout.count && (0..<layout.channels).contains(channel))
    precondition(counts.count % 2 == 0 && counts.count < 1 << 24 && width.significand == 1)
    let half = Int32(counts.count / 2), skipped = channel * layout.inner
    if layout.count == 0 || half == 0 { return }
    // SAFETY: the channel's runs lie inside the view; the kernel keeps bins inside `counts`.
    unsafe counts.withUnsafeMutableBufferPointer { counts in
      unsafe qat_histogram_f32(
        Int64(layout.outer), Int64(layout.channels * layout.inner), Int64(layout.inner),
        x.pointer(Float.self) + skipped, 1 / width, half, counts.baseAddress)
    }
  }
}
