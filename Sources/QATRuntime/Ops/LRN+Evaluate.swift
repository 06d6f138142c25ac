import QATCore
import QATIR

extension LRN: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    var y = x
    forEachElement(x) { offset, scale, _ in
      y.elements[offset] = x.elements[offset] * T.pow(scale, -T(beta))
    }
    return [AnyTensor(y)]
  }

  /// Calls `body` with each element's offset, what is raised to `beta` for it, and the offsets of
  /// the elements that count for it.
  fileprivate func forEachElement<T: ReferenceFloat>(
    _ x: Tensor<T>, _ body: (_ offset: Int, _ scale: T, _ window: StrideThrough<Int>) -> Void
  ) {
    let layout = ChannelLayout(x.shape), inner = layout.inner
    for image in 0..<layout.batch {
      for channel in 0..<layout.channels {
        let window = channels(around: channel, of: layout.channels)
        for position in 0..<inner {
          let first = image * layout.channels * inner + position
          let offsets = stride(
            from: first + window.lowerBound * inner, through: first + window.upperBound * inner,
            by: inner)
          var squares: T = 0
          for offset in offsets { squares += x.elements[offset] * x.elements[offset] }
          body(first + channel * inner, T(bias) + T(alpha) / T(size ?? 1) * squares, offsets)
        }
      }
    }
  }
}

extension LRNGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self), x = call.tensor(1, as: T.self)
    var dx = Tensor<T>(shape: x.shape)
    let factor = 2 * T(forward.alpha) * T(forward.beta) / T(forward.size ?? 1)
    forward.forEachElement(x) { offset, scale, window in
      let share = dy.elements[offset] * T.pow(scale, -T(forward.beta))
      dx.elements[offset] += share
      let slope = factor * share * x.elements[offset] / scale
      for other in window { dx.elements[other] -= slope * x.elements[other] }
    }
    return [AnyTensor(dx)]
  }
}
