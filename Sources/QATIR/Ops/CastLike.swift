import QATCore

/// The elements of `x` converted to the element type of `target_type`, as `Cast` converts them.
///
/// - Operands: `x` of any shape; `target_type`, of which nothing but the type counts.
/// - Attributes: those of `Cast` but for `to`.
public struct CastLike: Operation, ShapeArithmetic {
  public static let name: OpName = "CastLike"
  public static let operands: [OperandSpec] = [
    OperandSpec("x", .all), OperandSpec("target_type", .all),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("saturate", \.saturate), .init("round_mode", \.roundMode),
  ]
  /// Whether what is beyond an 8-bit float takes its largest; says nothing about other types.
  public var saturate = true
  /// How to round to a power of two (f8e8m0); says nothing about other types.
  public var roundMode = PowerOfTwo.Rounding.up
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    [TensorType(operands[1].element, operands[0].shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands.optional(1)?.element ?? .f32]
  }
  public func dimensions(_ operands: Operands) -> [Dimension]? { operands.dimensions(0) }
}

extension CastLike: Differentiable {
  /// The seed, converted back; none between floats and integers.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let elements = [0, 1].map { builder.type(of: call.operand($0)).element }
    guard elements.allSatisfy(\.isFloatingPoint) else { return [nil, nil] }
    return [builder.emit(Cast(to: elements[0]), [call.seed]), nil]
  }
}
