import QATCore
import QATIR

extension FoldedBiasRounding: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let gamma = call.tensor(0, as: T.self).elements, beta = call.tensor(1, as: T.self).elements
    let mean = call.tensor(2, as: T.self).elements, variance = call.tensor(3, as: T.self).elements
    let xScale = call.tensor(4, as: T.self).elements[0],
      wScale = call.tensor(5, as: T.self).elements
    let own = call.optional(6)?.elements(as: T.self)
    let k = zip(gamma, variance).map { $0 / ($1 + T(epsilon)).squareRoot() }
    let steps = zip(wScale, k).map { $0 * abs($1) }
    let largest = steps.max().flatMap { $0 > 0 ? $0 : nil } ?? 1
    let delta = k.indices.map { c -> T in
      if bypass { return 0 }
      let b = ((own?[c] ?? 0) - mean[c]) * k[c] + beta[c]
      let step = xScale * (steps[c] > 0 ? steps[c] : largest)
      return (b / step).rounded(.toNearestOrEven) * step - b
    }
    return [AnyTensor(shape: call.shape(), delta)]
  }
}
