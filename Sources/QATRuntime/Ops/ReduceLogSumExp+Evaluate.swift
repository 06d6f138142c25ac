import QATCore
import QATIR

extension ReduceLogSumExp: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self).map { Double($0) }
    let result = logarithms(x, to: try keptShape(call))
    return [AnyTensor(result.map { T($0) }.reshaped(call.shape()))]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self).map { Double($0) }
    let result = logarithms(x, to: try keptShape(call))
    return [AnyTensor(result.map { truncated(Double($0), as: T.self) }.reshaped(call.shape()))]
  }

  /// The largest element is taken out of each sum first, so that nothing overflows.
  private func logarithms(_ x: Tensor<Double>, to kept: [Int]) -> Tensor<Double> {
    let largest = reduce(x, to: kept, from: -Double.infinity) { max($0, $1) }
    let shifts = largest.map { $0.isFinite ? $0 : 0 }
    let powers = broadcast(x, shifts, to: x.shape) { Double.exp($0 - $1) }
    let totals = reduce(powers, to: kept, from: 0.0) { $0 + $1 }
    return broadcast(totals, shifts, to: kept) { Double.log($0) + $1 }
  }
}
