import QATCore
import QATIR

extension ReduceMean: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self), kept = try keptShape(call)
    let count = Double(x.count) / Double(max(kept.reduce(1, *), 1))
    let sums = reduce(x, to: kept, from: 0.0) { $0 + Double($1) }
    return [AnyTensor(sums.map { T($0 / count) }.reshaped(call.shape()))]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self), kept = try keptShape(call)
    let count = x.count / max(kept.reduce(1, *), 1)
    if count == 0, kept.reduce(1, *) > 0 {
      throw Diagnostic(.invalidData, "the mean of no integers")
    }
    let zero: Int64 = 0
    let sums = reduce(x, to: kept, from: zero) { $0 &+ Int64(truncatingIfNeeded: $1) }
    return [
      AnyTensor(
        sums.map { T(truncatingIfNeeded: $0 / Int64(max(count, 1))) }.reshaped(call.shape()))
    ]
  }
}
