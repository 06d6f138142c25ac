import QATCore

/// `x` under the shape of another tensor of as many elements.
///
/// - Operands: `x` any type; `shape_of`, only its shape is read.
public struct ReshapeLike: Operation {
  public static let name: OpName = "qat.ReshapeLike"
  public static let operands: [OperandSpec] = [
    OperandSpec("x", .all), OperandSpec("shape_of", .all),
  ]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let count = operands[0].knownShape.elementCount, other = operands[1].knownShape.elementCount
    if let count = count.size, let other = other.size, count != other {
      throw Diagnostic(
        .shapeMismatch,
        "x \(operands[0].knownShape) has not as many elements as \(operands[1].knownShape)")
    }
    return [TensorType(operands[0].element, operands[1].shape)]
  }
}

extension ReshapeLike: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(ReshapeLike(), [call.seed, call.operand(0)]), nil]
  }
}
