import QATCore

/// The elements converted to another type.
///
/// - float → float: rounded to nearest, ties to even; beyond the largest, infinity. In 8 bits beyond
///   the largest: the largest where `saturate`, else infinity or NaN, whichever the type has; in fewer
///   always the largest. To f8e8m0 as `round_mode` says; the sign is dropped.
/// - float → integer: truncated toward zero; where ONNX leaves the result open, beyond the type's
///   range, the nearest end of it (of fewer than 8 bits: the low bits), and 0 for NaN.
/// - integer → integer: the low bits. → bool: whether it is not 0. bool → number: 0 or 1.
public struct Cast: Operation, ShapeArithmetic {
  public static let name: OpName = "Cast"
  public static let operands: [OperandSpec] = [OperandSpec("x", .all)]
  public static let attributes: [Attribute<Self>] = [
    .init("to", \.to), .init("saturate", \.saturate), .init("round_mode", \.roundMode),
  ]
  /// The element type of the result; the attribute is required, so it has no default.
  public var to: ElementType? = nil
  /// Whether what is beyond an 8-bit float takes its largest; says nothing about other types.
  public var saturate = true
  /// How to round to a power of two (f8e8m0); says nothing about other types.
  public var roundMode = PowerOfTwo.Rounding.up
  public init() {}
  public init(to: ElementType) { self.to = to }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard let to else { throw Diagnostic(.invalidAttribute, "Cast needs the attribute 'to'") }
    return [TensorType(to, operands[0].shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [to ?? .f32] }
  public func dimensions(_ operands: Operands) -> [Dimension]? {
    guard to == .bool else { return operands.dimensions(0) }
    return operands.dimensions(0)?.map { $0.integer.map { $0 == 0 ? 0 : 1 } ?? .unknown }
  }
}

extension Cast: Differentiable {
  /// The seed, converted back; none between floats and integers.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let element = builder.type(of: call.operand(0)).element
    guard element.isFloatingPoint, to?.isFloatingPoint == true else { return [nil] }
    return [builder.emit(Cast(to: element), [call.seed])]
  }
}
