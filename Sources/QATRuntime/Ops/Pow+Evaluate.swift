import QATCore
import QATIR

extension Pow: FloatEvaluable {
  /// In the type of `x`; integers by way of double precision where the exponent is a float.
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    switch call[0].element {
    case .f32: return try evaluate(call, as: Float.self)
    case .f64: return try evaluate(call, as: Double.self)
    case .f16, .bf16:
      return try call.inSinglePrecision { single throws(Diagnostic) in try evaluate(single) }
    case .i32: return try evaluateInteger(call, as: Int32.self)
    case .i64: return try evaluateInteger(call, as: Int64.self)
    default: throw call.unsupportedElement(call[0].element)
    }
  }

  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self), exponent = try exponents(call)
    return [
      AnyTensor(
        broadcast(x, exponent, to: call.shape()) { x, p in
          p == 2 ? x * x : T.pow(x, T(p))
        })
    ]
  }

  private func evaluateInteger<T: ReferenceInteger>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self), exponent = try exponents(call)
    return [
      AnyTensor(
        broadcast(x, exponent, to: call.shape()) { x, p -> T in
          if p >= 0, p == p.rounded(.down), p <= 4096 { return wrappingPower(x, Int(p)) }
          let power = Double.pow(Double(x), p)
          if power.isNaN { return 0 }
          return power >= Double(T.max) ? .max : power <= Double(T.min) ? .min : T(power)
        })
    ]
  }

  private func exponents(_ call: EvaluationCall) throws(Diagnostic) -> Tensor<Double> {
    guard let exponents = call[1].doubles else { throw call.unsupportedElement(call[1].element) }
    return Tensor(shape: call[1].shape, exponents)
  }
}

/// `x` to a power that is not negative, modulo the size of its type.
private func wrappingPower<T: ReferenceInteger>(_ x: T, _ exponent: Int) -> T {
  var result: T = 1, square = x, rest = exponent
  while rest > 0 {
    if rest & 1 == 1 { result = result &* square }
    square = square &* square
    rest >>= 1
  }
  return result
}
