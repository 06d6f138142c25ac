import QATCore
import QATIR

/// An operation with a reference evaluation: plain Swift, short, obviously right.
///
/// Generic over Float and Double where the operation computes on floats: tests check gradients in
/// double precision and fast kernels against it.
public protocol Evaluable: Operation {
  /// The results, one for each entry of `call.resultTypes`.
  func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor]
}

/// The operands of one evaluation, and the types the results must have.
public struct EvaluationCall: Sendable {
  /// `nil` for one that is absent.
  public let operands: [AnyTensor?]
  /// Concrete: every dimension is a number.
  public let resultTypes: [TensorType]

  public init(operands: [AnyTensor?], resultTypes: [TensorType]) {
    self.operands = operands
    self.resultTypes = resultTypes
  }

  /// A required operand.
  public subscript(index: Int) -> AnyTensor {
    guard let operand = optional(index) else { preconditionFailure("a required operand") }
    return operand
  }

  /// An operand that may be absent.
  public func optional(_ index: Int) -> AnyTensor? {
    index < operands.count ? operands[index] : nil
  }

  /// A required operand whose element type has been checked.
  public func tensor<Scalar: TensorScalar>(_ index: Int, as: Scalar.Type = Scalar.self) -> Tensor<
    Scalar
  > {
    guard let tensor = Tensor<Scalar>(self[index]) else {
      preconditionFailure("operand \(index) is \(self[index].element.name)")
    }
    return tensor
  }

  /// The sizes of a result.
  public func shape(_ index: Int = 0) -> [Int] { resultTypes[index].shape?.sizes ?? [] }

  /// What to throw for an element type that the operation can't be evaluated in.
  public func unsupportedElement(_ element: ElementType) -> Diagnostic {
    Diagnostic(
      .unsupported, "unsupported element type \(element.name)", hint: "insert a Cast to f32")
  }
}

/// An operation on floats whose evaluation is one generic function.
public protocol FloatEvaluable: Evaluable {
  /// The results, computed in `T`.
  func evaluate<T: ReferenceFloat>(_ call: EvaluationCall, as: T.Type) throws(Diagnostic)
    -> [AnyTensor]
}

extension FloatEvaluable {
  /// Runs the generic function in the type of the first floating-point operand.
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let element = call.operands.compactMap { $0?.element }.first(where: \.isFloatingPoint)
    switch element {
    case .f32: return try evaluate(call, as: Float.self)
    case .f64: return try evaluate(call, as: Double.self)
    case .f16, .bf16:
      return try call.inSinglePrecision { single throws(Diagnostic) in
        try evaluate(single, as: Float.self)
      }
    default: throw call.unsupportedElement(element ?? .i64)
    }
  }
}

extension EvaluationCall {
  /// What an evaluation in float32 gives for 16-bit floats: operands are widened, which is exact, and
  /// results rounded, once.
  func inSinglePrecision(
    _ evaluate: (EvaluationCall) throws(Diagnostic) -> [AnyTensor]
  ) throws(Diagnostic) -> [AnyTensor] {
    let halves: Set<ElementType> = [.f16, .bf16]
    let wide = EvaluationCall(
      operands: operands.map { operand in
        guard let operand, halves.contains(operand.element) else { return operand }
        return AnyTensor(shape: operand.shape, operand.floats ?? [])
      },
      resultTypes: resultTypes.map {
        halves.contains($0.element) ? TensorType(.f32, $0.shape) : $0
      })
    return zip(try evaluate(wide), resultTypes).map { result, type in
      guard halves.contains(type.element) else { return result }
      return AnyTensor(type.element, shape: result.shape, rounding: result.doubles ?? [])
    }
  }
}
