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
public protocol FloatEvaluable: WidensFloats {
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
    default: throw call.unsupportedElement(element ?? .i64)
    }
  }
}
