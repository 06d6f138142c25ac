import QATCore
import QATIR

// Evaluations compute in Float and Double. What is narrower is widened in front of them, which is
// exact, and what they give is rounded once.

/// An operation that is evaluated in Float where its operands are floats of 16 or 8 bits.
public protocol WidensFloats: Evaluable {}

extension WidensFloats {
  /// The results, from operands that may be narrow floats.
  func evaluateWidened(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let elements = call.operands.compactMap { $0?.element } + call.resultTypes.map(\.element)
    guard elements.contains(where: \.isNarrowFloat) else { return try evaluate(call) }
    let wide = EvaluationCall(
      operands: call.operands.map { $0?.widened }, resultTypes: call.resultTypes.map(\.widened))
    return zip(try evaluate(wide), call.resultTypes).map { $0.rounded(to: $1.element) }
  }
}

extension ElementType {
  /// Whether it is a float of fewer than 32 bits.
  var isNarrowFloat: Bool { isFloatingPoint && bitWidth < 32 }
}

extension TensorType {
  /// With `f32` in place of a narrow float.
  var widened: TensorType { element.isNarrowFloat ? TensorType(.f32, shape) : self }
}

extension AnyTensor {
  /// The same numbers as `f32` where they are narrow floats; else the tensor itself. O(n).
  var widened: AnyTensor {
    element.isNarrowFloat ? AnyTensor(shape: shape, floats ?? []) : self
  }

  /// The numbers of an `f32` tensor rounded to a narrow float type, ties to even; for other types
  /// the tensor itself. O(n).
  func rounded(to element: ElementType) -> AnyTensor {
    guard element.isNarrowFloat, let numbers = doubles else { return self }
    return AnyTensor(element, shape: shape, rounding: numbers)
  }
}
