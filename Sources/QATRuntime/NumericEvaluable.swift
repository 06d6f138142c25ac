import QATCore
import QATIR

/// The integer types whose arithmetic Swift has; it wraps around, as ONNX Runtime's does.
public typealias ReferenceInteger = TensorScalar & FixedWidthInteger

/// An operation on numbers of any type: one generic function for floats, one for integers.
public protocol NumericEvaluable: FloatEvaluable {
  /// The results for operands of an integer type.
  func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor]
}

extension NumericEvaluable {
  /// Runs the generic function of the type of the first operand.
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    try evaluateNumbers(call)
  }

  /// Runs the generic function of the type of the first operand.
  func evaluateNumbers(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    switch call[0].element {
    case .f32: try evaluate(call, as: Float.self)
    case .f64: try evaluate(call, as: Double.self)
    case .f16, .bf16:
      try call.inSinglePrecision { single throws(Diagnostic) in
        try evaluate(single, as: Float.self)
      }
    case .i8: try evaluate(call, asInteger: Int8.self)
    case .i16: try evaluate(call, asInteger: Int16.self)
    case .i32: try evaluate(call, asInteger: Int32.self)
    case .i64: try evaluate(call, asInteger: Int64.self)
    case .u8: try evaluate(call, asInteger: UInt8.self)
    case .u16: try evaluate(call, asInteger: UInt16.self)
    case .u32: try evaluate(call, asInteger: UInt32.self)
    case .u64: try evaluate(call, asInteger: UInt64.self)
    default: throw call.unsupportedElement(call[0].element)
    }
  }
}

extension EvaluationCall {
  /// - Throws: `unsupported` where an operand that is present has another element type: for
  ///   operations that ONNX lets mix float types.
  func requireElement(_ element: ElementType, _ indices: [Int]) throws(Diagnostic) {
    for index in indices {
      guard let operand = optional(index), operand.element != element else { continue }
      throw Diagnostic(
        .unsupported, "operand \(index) is \(operand.element.name), expected \(element.name)",
        hint: "insert a Cast")
    }
  }
}
