internal import CQATKernels
import QATCore
import Synchronization

/// What observers read of a tensor.
public enum ObserverKernels {
  /// The smallest and the largest element of each channel.
  ///
  /// Both are NaN where there is one, so that nothing hides it, and 0 where there are no elements.
  public static func ranges(
    _ layout: CodeLayout, _ x: TensorView, _ pool: ThreadPool = .single
  ) -> (low: [Float], high: [Float]) {
    precondition(x.count == layout.count)
    let found = Mutex<[Int: (low: [Float], high: [Float])]>([:])
    layout.share(pool) { layout, part in
      let ranges = ranges(of: layout, x[part])
      found.withLock { $0[part.lowerBound] = ranges }
    }
    let parts = found.withLock { Array($0.values) }
    let whole = parts.dropFirst().reduce(into: parts[0]) { total, part in
      for channel in 0..<layout.channels {
        let (low, high) = (part.low[channel], part.high[channel])
        if low.isNaN || low < total.low[channel] { total.low[channel] = low }
        if high.isNaN || high > total.high[channel] { total.high[channel] = high }
      }
    }
    // Zeros lose their sign, which would tell the order of the parts.
    return (whole.low.map { $0 + 0 }, whole.high.map { $0 + 0 })
  }

  private static func ranges(
    of layout: CodeLayout, _ x: TensorView
  ) -> (low: [Float], high: [Float]) {
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
