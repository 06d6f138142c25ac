import QATCore
import QATIR

extension Dropout: FloatEvaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let isTraining = call.optional(2)?.elements(as: Bool.self)?.first ?? false
    guard isTraining else {
      let all = AnyTensor(Tensor<Bool>(shape: call[0].shape, repeating: true))
      return Array([call[0], all].prefix(call.resultTypes.count))
    }
    switch call[0].element {
    case .f32: return try evaluate(call, as: Float.self)
    case .f64: return try evaluate(call, as: Double.self)
    case .f16, .bf16:
      return try call.inSinglePrecision { single throws(Diagnostic) in try evaluate(single) }
    default: throw call.unsupportedElement(call[0].element)
    }
  }

  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    let ratio = try ratio(call)
    let kept = (0..<x.count).map { keeps($0, ratio: ratio) }
    let factor = T(1 / (1 - ratio))
    let y = zip(x.elements, kept).map { $1 ? $0 * factor : 0 }
    let results = [AnyTensor(shape: x.shape, y), AnyTensor(shape: x.shape, kept)]
    return Array(results.prefix(call.resultTypes.count))
  }

  private func ratio(_ call: EvaluationCall) throws(Diagnostic) -> Double {
    guard let operand = call.optional(1) else { return 0.5 }
    guard let ratio = operand.doubles?.first else { throw call.unsupportedElement(operand.element) }
    guard ratio >= 0, ratio < 1 else {
      throw Diagnostic(.invalidData, "the ratio of Dropout is \(ratio), expected 0 ≤ ratio < 1")
    }
    return ratio
  }

  /// Whether the element of that index stays: its hash, as a number in 0..<1, is not below the ratio.
  func keeps(_ index: Int, ratio: Double) -> Bool {
    let seed = counterHash(UInt64(bitPattern: Int64(seed ?? 0)))
    let bits = counterHash(seed &+ UInt64(index))
    return Double(bits >> 11) * 0x1p-53 >= ratio
  }
}

/// The output function of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): scatters a counter over all
/// 64-bit numbers.
func counterHash(_ counter: UInt64) -> UInt64 {
  var z = counter &+ 0x9E37_79B9_7F4A_7C15
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  return z ^ (z >> 31)
}
