import QATCore
import QATIR

extension ScaleFromRange: FloatEvaluable {
  /// Computes in float32 whatever `T` is: scales are float32 when deployed.
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let low = call.tensor(0, as: T.self).elements.map { Float($0) }
    let high = call.tensor(1, as: T.self).elements.map { Float($0) }
    guard (low + high).allSatisfy(\.isFinite) else {
      throw Diagnostic(
        .invalidData, "a range holds NaN or infinity", hint: "observe finite data before training")
    }
    let parameters = RangeToParameters(grid: grid, scheme: scheme, powerOfTwo: powerOfTwo)
    let largest = (low + high).map(abs).max() ?? 0
    let result = zip(low, high).map { parameters(min: $0, max: $1, tensorMaximum: largest) }
    return [
      AnyTensor(shape: call.shape(0), result.map { T($0.scale) }),
      AnyTensor(shape: call.shape(1), result.map { Int32($0.zeroPoint) }),
    ]
  }
}
