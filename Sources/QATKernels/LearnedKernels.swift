internal import CQATKernels
import QATCore

/// Quantizers whose parameters are learned.
public enum LearnedKernels {
  /// Elements of a channel that `lsq+` looks at to choose its first range.
  public static let trialElements = 1 << 16

  /// Bytes of scratch memory that the functions need.
  public static func scratchByteCount(_ layout: CodeLayout) -> Int {
    16 * max(layout.channels, partCount(layout))
  }

  /// Parts of a tensor without channels, whose sums are added in order.
  private static func partCount(_ layout: CodeLayout) -> Int {
    layout.channels == 1 ? max(1, (layout.count - 1) / ThreadPool.elements + 1) : 1
  }

  /// So many elements of each of some channels, which begin at an element, and where their sums go.
  private typealias Runs = (
    _ outer: Int, _ channels: Range<Int>, _ inner: Int, _ start: Int,
    _ sums: UnsafeMutablePointer<Double>
  ) -> Void

  /// Shares a tensor among threads; sums of parts are added in order.
  private static func share(
    _ layout: CodeLayout, _ pool: ThreadPool, _ sums: UnsafeMutablePointer<Double>, _ run: Runs
  ) {
    let parts = partCount(layout)
    guard layout.channels == 1 else {
      // Channels that lie in several places stay together.
      let step = layout.outer == 1 ? ThreadPool.rows(of: layout.inner) : layout.channels
      return pool.share(layout.channels, by: step) {
        unsafe run(
          layout.outer, $0, layout.inner, $0.lowerBound * layout.inner, sums + 2 * $0.lowerBound)
      }
    }
    pool.share(parts, by: 1) {
      for part in $0 {
        let start = part * ThreadPool.elements
        unsafe run(
          1, 0..<1, min(ThreadPool.elements, layout.count - start), start, sums + 2 * part)
      }
    }
    for part in 1..<parts {
      for index in 0..<2 { unsafe sums[index] += sums[2 * part + index] }
    }
  }

  /// The gradients of `qat.LearnedQuantizeGradient`; `factor` is its g.
  public static func gradient(
    _ layout: CodeLayout, _ method: LearnedMethod, dy: TensorView, x: TensorView,
    scale: TensorView, zero: TensorView, range: ClosedRange<Int32>, positive: Bool, factor: Double,
    dx: MutableTensorView, dScale: MutableTensorView?, dOffset: MutableTensorView?,
    _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    precondition(x.count == layout.count && dy.count == layout.count && dx.count == layout.count)
    precondition(scale.count == layout.channels && zero.count == layout.channels)
    precondition(scratch.byteCount >= scratchByteCount(layout))
    // SAFETY: sizes were checked; memory of views is aligned to 16 bytes.
    let sums = unsafe scratch.base.assumingMemoryBound(to: Double.self)
    unsafe share(layout, pool, sums) { outer, channels, inner, start, sums in
      unsafe qat_learned_gradient(
        Int64(outer), Int64(channels.count), Int64(inner), x.pointer(Float.self) + start,
        scale.pointer(Float.self) + channels.lowerBound,
        zero.pointer(Int32.self) + channels.lowerBound, range.lowerBound, range.upperBound,
        code(method), positive, dy.pointer(Float.self) + start, dx.pointer(Float.self) + start, sums
      )
    }
    for (index, result) in [dScale, dOffset].enumerated() {
      guard let result else { continue }
      precondition(result.count == layout.channels)
      let isOffsetOfNone = index == 1 && method != .lsqPlus
      for c in 0..<layout.channels {
        unsafe result.pointer(Float.self)[c] =
          isOffsetOfNone ? 0 : Float(factor * sums[2 * c + index])
      }
    }
  }

  /// The results of `qat.LearnedSGD`, of a layout whose channels come first; `factor` is its g.
  public static func sgd(
    _ layout: CodeLayout, _ step: SGDStep, w: TensorView, dy: TensorView, velocity: TensorView,
    scale: TensorView, zero: TensorView, range: ClosedRange<Int32>, factor: Double,
    newW: MutableTensorView, newVelocity: MutableTensorView, dScale: MutableTensorView,
    _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    for count in [w.count, dy.count, velocity.count, newW.count, newVelocity.count] {
      precondition(count == layout.count)
    }
    for count in [scale.count, zero.count, dScale.count] { precondition(count == layout.channels) }
    precondition(layout.outer == 1 && scratch.byteCount >= scratchByteCount(layout))
    // SAFETY: sizes were checked; memory of views is aligned to 16 bytes.
    let sums = unsafe scratch.base.assumingMemoryBound(to: Double.self)
    unsafe share(layout, pool, sums) { _, channels, inner, start, sums in
      var step = step.c
      unsafe qat_learned_sgd(
        Int64(channels.count), Int64(inner), scale.pointer(Float.self) + channels.lowerBound,
        zero.pointer(Int32.self) + channels.lowerBound, range.lowerBound, range.upperBound, &step,
        dy.pointer(Float.self) + start, w.pointer(Float.self) + start,
        velocity.pointer(Float.self) + start, newW.pointer(Float.self) + start,
        newVelocity.pointer(Float.self) + start, sums)
    }
    for c in 0..<layout.channels {
      unsafe dScale.pointer(Float.self)[c] = Float(factor * sums[2 * c])
    }
  }

  /// y of `qat.ScaleDerivative`.
  public static func scaleDerivative(
    x: TensorView, scale: Float, zero: Int32, range: ClosedRange<Int32>, factor: Float,
    y: MutableTensorView, _ pool: ThreadPool
  ) {
    precondition(x.count == y.count)
    pool.share(x.count) {
      // SAFETY: both hold as many elements.
      unsafe qat_scale_derivative(
        Int64($0.count), x.pointer(Float.self) + $0.lowerBound, scale, zero, range.lowerBound,
        range.upperBound, factor, y.pointer(Float.self) + $0.lowerBound)
    }
  }

  /// One batch that `qat.LearnRange` follows: its state moves by `share` of the distance to what the
  /// batch says.
  public static func follow(
    _ layout: CodeLayout, _ quantizer: LearnedQuantizer, share: Float, x: TensorView,
    parameter: TensorView, shift: TensorView, newParameter: MutableTensorView,
    newShift: MutableTensorView, scratch: MutableTensorView
  ) {
    precondition(x.count == layout.count && parameter.count == layout.channels)
    precondition(shift.count == layout.channels && newParameter.count == layout.channels)
    precondition(newShift.count == layout.channels)
    precondition(scratch.byteCount >= scratchByteCount(layout))
    // SAFETY: sizes were checked; sums take the first half of the scratch memory, ranges the second.
    let sums = unsafe scratch.base.assumingMemoryBound(to: Double.self)
    let ranges = unsafe (scratch.base + 8 * layout.channels).assumingMemoryBound(to: Float.self)
    unsafe qat_magnitudes(
      Int64(layout.outer), Int64(layout.channels), Int64(layout.inner), x.pointer(Float.self), sums,
      ranges)
    let count = Double(layout.outer * layout.inner)
    var total = 0.0, largest: Float = 0
    for c in 0..<layout.channels {
      unsafe total += sums[c]
      unsafe largest = max(largest, abs(ranges[2 * c]), abs(ranges[2 * c + 1]))
    }
    let mean = Float(total / max(count * Double(layout.channels), 1))
    for c in 0..<layout.channels {
      let isEmpty = layout.count == 0
      let statistics = unsafe Statistics(
        mean: isEmpty ? 0 : Float(sums[c] / count), low: isEmpty ? 0 : ranges[2 * c],
        high: isEmpty ? 0 : ranges[2 * c + 1],
        stand: isEmpty ? 0 : quantizer.method == .lsq ? mean : largest)
      let batch = initial(layout, quantizer, channel: c, statistics, x)
      unsafe newParameter.pointer(Float.self)[c] = moved(
        parameter.pointer(Float.self)[c], batch.parameter, by: share)
      unsafe newShift.pointer(Float.self)[c] = moved(
        shift.pointer(Float.self)[c], batch.shift, by: share)
    }
  }

  /// `old + share · (new - old)`, and exactly `new` for a share of 1.
  public static func moved(_ old: Float, _ new: Float, by share: Float) -> Float {
    share >= 1 ? new : old + share * (new - old)
  }

  private struct Statistics { let mean: Float, low: Float, high: Float, stand: Float }

  private static func initial(
    _ layout: CodeLayout, _ quantizer: LearnedQuantizer, channel: Int, _ statistics: Statistics,
    _ x: TensorView
  ) -> (parameter: Float, shift: Float) {
    func candidate(_ share: Float) -> (parameter: Float, shift: Float) {
      quantizer.initial(
        mean: statistics.mean, low: statistics.low, high: statistics.high, stand: statistics.stand,
        share: share)
    }
    var best = candidate(1)
    guard quantizer.method == .lsqPlus, best.parameter.isFinite, layout.count > 0 else {
      return best
    }
    let stride = (layout.outer * layout.inner + trialElements - 1) / trialElements
    var least = Double.infinity
    for share in LearnedQuantizer.trialShares {
      let trial = candidate(share)
      let parameters = quantizer.parameters(trial.parameter, shift: trial.shift)
      // SAFETY: the view holds `layout.count` floats.
      let error = unsafe qat_rounding_error(
        Int64(layout.outer), Int64(layout.channels), Int64(layout.inner), Int64(channel),
        Int64(stride), x.pointer(Float.self), parameters.scale, Int32(parameters.zeroPoint),
        Int32(quantizer.grid.min), Int32(quantizer.grid.max))
      if error < least { (least, best) = (error, trial) }
    }
    return best
  }

  private static func code(_ method: LearnedMethod) -> qat_learned {
    switch method {
    case .lsq: QAT_LSQ
    case .lsqPlus: QAT_LSQ_PLUS
    case .pact: QAT_PACT
    }
  }
}
