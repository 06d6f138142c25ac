import QATCore
import QATIR

// Evaluations compute in Float and Double. What is narrower is widened in front of them, which is
// exact, and what they give is rounded once.

/// An operation that is evaluated in Float where its operands are floats of 16 or 8 bits.
public protocol WidensFloats: Evaluable {}

extension WidensFloats {
  /// The results, from operands that may be narrow floats.
  func evaluateWidened(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let types = call.operands.map { $0?.type } + call.resultTypes
    guard types.contains(where: { $0.flatMap { NarrowFloat($0.element) } != nil }) else {
      return try evaluate(call)
    }
    let wide = EvaluationCall(
      operands: call.operands.map { $0?.widened }, resultTypes: call.resultTypes.map(\.widened))
    return zip(try evaluate(wide), call.resultTypes).map { $0.rounded(to: $1.element) }
  }
}

extension TensorType {
  /// With `f32` in place of a narrow float.
  var widened: TensorType { NarrowFloat(element) == nil ? self : TensorType(.f32, shape) }
}

extension AnyTensor {
  /// The same numbers as `f32` where they are narrow floats; else the tensor itself. O(n).
  var widened: AnyTensor {
    guard let format = NarrowFloat(element) else { return self }
    let numbers =
      format.bitWidth == 8
      ? viewed(as: .u8).elements(as: UInt8.self)?.map { format.decode(Int($0)) }
      : viewed(as: .u16).elements(as: UInt16.self)?.map { format.decode(Int($0)) }
    return AnyTensor(shape: shape, numbers ?? [])
  }

  /// The numbers of an `f32` tensor rounded to a narrow float type, ties to even; for other types
  /// the tensor itself. O(n).
  func rounded(to element: ElementType) -> AnyTensor {
    guard let format = NarrowFloat(element), let numbers = elements(as: Float.self) else {
      return self
    }
    let codes =
      format.bitWidth == 8
      ? AnyTensor(shape: shape, numbers.map { UInt8(format.encode($0)) })
      : AnyTensor(shape: shape, numbers.map { UInt16(format.encode($0)) })
    return codes.viewed(as: element)
  }
}
