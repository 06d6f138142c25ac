import QATCore
import QATIR

extension GlobalAveragePool: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    let positions = x.shape[2...].reduce(1, *)
    var y = Tensor<T>(shape: call.shape())
    for index in 0..<x.count { y.elements[index / positions] += x.elements[index] }
    return [AnyTensor(y.map { $0 / T(positions) })]
  }
}

extension GlobalAveragePoolGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self)
    var dx = Tensor<T>(shape: call.shape())
    let positions = dx.shape[2...].reduce(1, *)
    for index in 0..<dx.count { dx.elements[index] = dy.elements[index / positions] / T(positions) }
    return [AnyTensor(dx)]
  }
}

extension GlobalMaxPool: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    let winners = globalWinners(x)
    let y = winners.map { $0 < 0 ? -T.infinity : x.elements[$0] }
    return [AnyTensor(shape: call.shape(), y)]
  }
}

extension GlobalMaxPoolGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self)
    let x = call.tensor(1, as: T.self)
    var dx = Tensor<T>(shape: call.shape())
    for (plane, winner) in globalWinners(x).enumerated() where winner >= 0 {
      dx.elements[winner] = dy.elements[plane]
    }
    return [AnyTensor(dx)]
  }
}

/// The offset of the first largest element of each channel of each image; -1 where there is none.
private func globalWinners<T: ReferenceFloat>(_ x: Tensor<T>) -> [Int] {
  let positions = x.shape[2...].reduce(1, *)
  var winners = Array(repeating: -1, count: x.shape[0] * x.shape[1])
  for index in 0..<x.count {
    let winner = winners[index / positions]
    if winner < 0 || x.elements[index] > x.elements[winner] { winners[index / positions] = index }
  }
  return winners
}
