import QATCore
import QATIR

extension Clip: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] { [clipped(call, as: T.self)] }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] { [clipped(call, as: T.self)] }

  private func clipped<T: TensorScalar & Comparable>(
    _ call: EvaluationCall, as: T.Type
  ) -> AnyTensor {
    let low = call.optional(1)?.elements(as: T.self)?.first
    let high = call.optional(2)?.elements(as: T.self)?.first
    let result = call.tensor(0, as: T.self).map { x -> T in
      var y = x
      if let low, y < low { y = low }
      if let high, y > high { y = high }
      return y
    }
    return AnyTensor(result)
  }
}
