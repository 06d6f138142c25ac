import QATCore
import QATIR
import QATKernels

extension MinMax: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    let granularity = try Granularity(of: x.shape, axis: axis, blockSize: blockSize)
    let count = call.shape().reduce(1, *)
    if x.count == 0 {
      let zeros = [T](repeating: 0, count: count)
      return [AnyTensor(shape: call.shape(0), zeros), AnyTensor(shape: call.shape(1), zeros)]
    }
    var low = [T](repeating: T.infinity, count: count)
    var high = [T](repeating: -T.infinity, count: count)
    for (index, element) in x.elements.enumerated() {
      let part = granularity.parameter(of: index)
      // A comparison with NaN is false, so NaN is tested for and then stays.
      if element.isNaN || element < low[part] { low[part] = element }
      if element.isNaN || element > high[part] { high[part] = element }
    }
    return [AnyTensor(shape: call.shape(0), low), AnyTensor(shape: call.shape(1), high)]
  }
}

extension Observe: FloatEvaluable {
  /// Computes in float32 whatever `T` is: ranges are float32 when deployed.
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let state = Array(call.operands.dropFirst())
    let wanted = state.prefix(call.resultTypes.count).compactMap { $0 }
    guard training else { return wanted }
    return try next(ObserverState(state), observing: call[0]).tensors(like: wanted)
  }
}

extension ObserverState {
  /// What the operands of a `qat.Observe` behind the first hold: `min`, `max`, `count`, `bins`, `extent`.
  public init(_ tensors: [AnyTensor?]) throws(Diagnostic) {
    func floats(_ index: Int) throws(Diagnostic) -> [Float] {
      guard index < tensors.count, let tensor = tensors[index] else { return [] }
      return try tensor.inFloat32().elements() ?? []
    }
    self.init()
    low = try floats(0)
    high = try floats(1)
    batches = tensors.count > 2 ? tensors[2]?.integers?.first ?? 0 : 0
    guard tensors.count > 4, let bins = tensors[3]?.elements(as: Int64.self) else { return }
    let extent = try floats(4), size = bins.count / max(low.count, 1)
    histograms = low.indices.map { channel in
      Histogram(
        counts: Array(bins[channel * size..<(channel + 1) * size]), low: extent[3 * channel],
        high: extent[3 * channel + 1], width: extent[3 * channel + 2])
    }
  }

  /// The operands again, with the types of others.
  public func tensors(like old: [AnyTensor]) -> [AnyTensor] {
    let floats: [[Float]?] = [
      low, high, nil, nil, histograms.flatMap { [$0.low, $0.high, $0.width] },
    ]
    return old.enumerated().map { index, tensor in
      if let floats = floats[index] {
        return tensor.element == .f64
          ? AnyTensor(shape: tensor.shape, floats.map(Double.init))
          : AnyTensor(shape: tensor.shape, floats)
      }
      return index == 2
        ? AnyTensor(shape: tensor.shape, [Int64(batches)])
        : AnyTensor(shape: tensor.shape, histograms.flatMap(\.counts))
    }
  }
}
