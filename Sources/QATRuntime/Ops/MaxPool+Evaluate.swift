import QATCore
import QATIR

extension MaxPool: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    switch call[0].element {
    case .f32: return pooled(call, call.tensor(0, as: Float.self), lowest: -.infinity)
    case .f16, .bf16:
      return try call.inSinglePrecision { single throws(Diagnostic) in try evaluate(single) }
    case .f64: return pooled(call, call.tensor(0, as: Double.self), lowest: -.infinity)
    case .i8: return pooled(call, call.tensor(0, as: Int8.self), lowest: .min)
    case .u8: return pooled(call, call.tensor(0, as: UInt8.self), lowest: .min)
    default: throw call.unsupportedElement(call[0].element)
    }
  }

  private func pooled<T: TensorScalar & Comparable>(
    _ call: EvaluationCall, _ x: Tensor<T>, lowest: T
  ) -> [AnyTensor] {
    let shape = call.shape()
    let sizes = Array(x.shape[2...])
    let inputs = sizes.reduce(1, *)
    let outputs = shape[2...].reduce(1, *)
    let winners = maxPoolWinners(x, self, outputs: outputs)
    let y = Tensor(shape: shape, winners.map { $0 < 0 ? lowest : x.elements[$0] })
    guard call.resultTypes.count > 1 else { return [AnyTensor(y)] }
    let indices = winners.map { winner in
      if winner < 0 || storageOrder == 0 { return Int64(winner) }
      let plane = winner / inputs * inputs
      return Int64(plane + columnMajor(winner - plane, sizes))
    }
    return [AnyTensor(y), AnyTensor(shape: shape, indices)]
  }

  /// The offset in column-major order of the element with that row-major offset.
  private func columnMajor(_ offset: Int, _ sizes: [Int]) -> Int {
    var rest = offset
    var stride = sizes.reduce(1, *)
    var result = 0
    for size in sizes.reversed() {
      stride /= size
      result += rest % size * stride
      rest /= size
    }
    return result
  }
}

extension MaxPoolGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self)
    let x = call.tensor(1, as: T.self)
    var dx = Tensor<T>(shape: call.shape())
    let winners = maxPoolWinners(x, forward, outputs: dy.shape[2...].reduce(1, *))
    for (output, winner) in winners.enumerated() where winner >= 0 {
      dx.elements[winner] += dy.elements[output]
    }
    return [AnyTensor(dx)]
  }
}

/// For each element of the result the offset of the first largest one under its window; -1 where
/// all of the window lies in the padding.
private func maxPoolWinners<T: TensorScalar & Comparable>(
  _ x: Tensor<T>, _ op: MaxPool, outputs: Int
) -> [Int] {
  let sizes = Array(x.shape[2...])
  let inputs = sizes.reduce(1, *)
  let planes = x.shape[0] * x.shape[1]
  let taps = spatialTaps(
    op.window.resolved(input: sizes, kernel: op.window.kernelShape, ceilMode: op.ceilMode))
  var winners = Array(repeating: -1, count: planes * outputs)
  for plane in 0..<planes {
    for tap in taps {
      let input = plane * inputs + tap.input
      let output = plane * outputs + tap.output
      if winners[output] < 0 || x.elements[input] > x.elements[winners[output]] {
        winners[output] = input
      }
    }
  }
  return winners
}
