import QATCore
import QATIR
import QATKernels

extension LearnRange {
  /// Whether the next batch is followed.
  func follows(after seen: Int) -> Bool { training && (limit == 0 || seen < limit) }

  /// How far the next batch moves the state.
  func share(after seen: Int) -> Float { Swift.max(1 / Float(Swift.max(seen, 0) + 1), momentum) }
}

extension LearnRange: FloatEvaluable {
  /// Follows batches in float32 whatever `T` is: parameters are float32 when deployed.
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let seen = Int(call.tensor(4, as: Int64.self).elements[0])
    let count = AnyTensor(Int64(training ? seen &+ 1 : seen))
    guard follows(after: seen) else { return [call[1], call[2], call[3], count] }
    let x = call.tensor(0, as: T.self)
    let granularity = try Granularity(of: x.shape, axis: axis, blockSize: blockSize)
    var channels = Array(repeating: [Float](), count: call.shape().reduce(1, *))
    for (index, element) in x.elements.enumerated() {
      channels[granularity.parameter(of: index)].append(Float(element))
    }
    guard x.elements.allSatisfy(\.isFinite) else {
      throw Diagnostic(
        .invalidData, "the observed tensor holds NaN or infinity",
        hint: "check the data, or lower the learning rate")
    }
    let sums = channels.map { $0.reduce(0.0) { $0 + Double(abs($1)) } }
    let mean = Float(sums.reduce(0, +) / Double(Swift.max(x.count, 1)))
    let largest = Float(x.elements.map(abs).max() ?? 0)
    let share = share(after: seen)
    let batch = zip(channels, sums).map { elements, sum in
      initial(
        elements, mean: Float(sum / Double(Swift.max(elements.count, 1))),
        stand: method == .lsq ? mean : largest)
    }
    let old = (1...2).map { call.tensor($0, as: T.self).elements.map { Float($0) } }
    let parameter = zip(old[0], batch).map { LearnedKernels.moved($0, $1.parameter, by: share) }
    let shift = zip(old[1], batch).map { LearnedKernels.moved($0, $1.shift, by: share) }
    let shape = call.shape()
    let parameters = AnyTensor(shape: shape, parameter.map { T($0) })
    return [parameters, AnyTensor(shape: shape, shift.map { T($0) }), parameters, count]
  }

  private func initial(
    _ elements: [Float], mean: Float, stand: Float
  ) -> (parameter: Float, shift: Float) {
    let quantizer = quantizer, low = elements.min() ?? 0, high = elements.max() ?? 0
    let shares = method == .lsqPlus ? LearnedQuantizer.trialShares : [1]
    let step = (elements.count + LearnedKernels.trialElements - 1) / LearnedKernels.trialElements
    let trials = shares.map {
      quantizer.initial(mean: mean, low: low, high: high, stand: stand, share: $0)
    }
    let errors = trials.map { trial -> Double in
      let parameters = quantizer.parameters(trial.parameter, shift: trial.shift)
      return stride(from: 0, to: elements.count, by: Swift.max(step, 1)).reduce(0.0) {
        let moved = parameters.dequantize(parameters.quantize(elements[$1])) - elements[$1]
        return $0 + Double(moved) * Double(moved)
      }
    }
    let least = errors.indices.min { errors[$0] < errors[$1] } ?? 0
    return trials[least]
  }
}
