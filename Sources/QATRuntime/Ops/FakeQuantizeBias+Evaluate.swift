import QATCore
import QATIR

extension FakeQuantizeBias: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    if bypass { return [call[0]] }
    let b = call.tensor(0, as: T.self), xScale = call.tensor(1, as: T.self).elements[0]
    let scales = call.tensor(2, as: T.self).elements.map { xScale * $0 }
    let numbers = b.elements.enumerated().map { channel, number -> T in
      let scale = scales.count == 1 ? scales[0] : scales[channel]
      let rounded = (number / scale).rounded(.toNearestOrEven)
      if rounded.isNaN { return 0 }
      return (T.minimum(T.maximum(rounded, T(Int32.min)), T(Int32.max)) + 0) * scale
    }
    return [AnyTensor(shape: b.shape, numbers)]
  }
}
