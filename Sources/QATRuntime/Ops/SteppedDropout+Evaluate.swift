import QATCore
import QATIR

extension SteppedDropout: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    var x = call.tensor(0, as: T.self)
    guard let ratio = call[1].doubles?.first, let step = call[2].integers?.first else {
      throw call.unsupportedElement(call[1].element)
    }
    guard ratio >= 0, ratio < 1 else {
      throw Diagnostic(.invalidData, "the ratio of Dropout is \(ratio), expected 0 ≤ ratio < 1")
    }
    // A seed for the step: every step drops as a Dropout with a seed of its own.
    let key = counterHash(UInt64(bitPattern: Int64(seed))) ^ UInt64(bitPattern: Int64(step))
    let dropout = Dropout(seed: Int(truncatingIfNeeded: counterHash(key)))
    let factor = T(1 / (1 - ratio))
    for index in 0..<x.count {
      x.elements[index] = dropout.keeps(index, ratio: ratio) ? x.elements[index] * factor : 0
    }
    return [AnyTensor(x)]
  }
}
