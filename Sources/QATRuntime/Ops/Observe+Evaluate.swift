import QATCore
import QATIR

extension MinMax: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let (low, high) = try ranges(of: call.tensor(0, as: T.self), axis: axis, blockSize: blockSize)
    return [AnyTensor(shape: call.shape(0), low), AnyTensor(shape: call.shape(1), high)]
  }
}

extension Observe: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    guard training else { return [call[1], call[2], call[3]] }
    let seen = call.tensor(3, as: Int64.self).elements[0], count = AnyTensor(seen &+ 1)
    guard seen % Int64(every) == 0, limit == 0 || seen < Int64(limit) else {
      return [call[1], call[2], count]
    }
    let (low, high) = try ranges(of: call.tensor(0, as: T.self), axis: axis)
    guard (low + high).allSatisfy(\.isFinite) else {
      throw Diagnostic(
        .invalidData, "the observed tensor holds NaN or infinity",
        hint: "check the data, or lower the learning rate")
    }
    let oldLow = call.tensor(1, as: T.self), oldHigh = call.tensor(2, as: T.self)
    func moved(_ old: [T], _ batch: [T], _ widest: (T, T) -> T) -> [T] {
      if seen == 0 { return batch }
      return zip(old, batch).map { old, batch in
        kind == .minMax ? widest(old, batch) : old + T(momentum) * (batch - old)
      }
    }
    return [
      AnyTensor(shape: oldLow.shape, moved(oldLow.elements, low, T.minimum)),
      AnyTensor(shape: oldHigh.shape, moved(oldHigh.elements, high, T.maximum)), count,
    ]
  }
}

/// The smallest and the largest element, of all, of each channel or of each block; NaN where there is one.
private func ranges<T: ReferenceFloat>(
  of x: Tensor<T>, axis: Int?, blockSize: Int = 0
) throws(Diagnostic) -> (low: [T], high: [T]) {
  let granularity = try Granularity(of: x.shape, axis: axis, blockSize: blockSize)
  let channels =
    try parameterShape(of: Shape(x.shape), axis: axis, blockSize: blockSize)
    .elementCount.size ?? 1
  if x.count == 0 {
    return (Array(repeating: 0, count: channels), Array(repeating: 0, count: channels))
  }
  var low = Array(repeating: T.infinity, count: channels)
  var high = Array(repeating: -T.infinity, count: channels)
  for (index, element) in x.elements.enumerated() {
    let channel = granularity.parameter(of: index)
    // A comparison with NaN is false, so NaN is tested for and then stays.
    if element.isNaN || element < low[channel] { low[channel] = element }
    if element.isNaN || element > high[channel] { high[channel] = element }
  }
  return (low, high)
}
