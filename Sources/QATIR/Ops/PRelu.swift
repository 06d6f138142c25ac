import QATCore

/// `x` where `x ≥ 0`, else `slope · x`.
///
/// - Operands: `x` a float type, or i32, i64, u32, u64; `slope`: its type, broadcast to the shape
///   of `x` by NumPy's rule (f[C, 1, 1] is one slope a channel of an image).
/// - Source: He et al., arXiv:1502.01852.
public struct PRelu: Operation {
  public static let name: OpName = "PRelu"
  private static let elements = Set<ElementType>.floats.union([.i32, .i64, .u32, .u64])
  public static let operands: [OperandSpec] = [
    OperandSpec("x", elements, as: "T"), OperandSpec("slope", elements, as: "T"),
  ]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkBroadcasts(operands[1].knownShape, to: operands[0].knownShape, named: "slope")
    return [operands[0]]
  }
}

extension PRelu: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), slope = call.operand(1)
    let zero = builder.scalar(0, like: x)
    let isNegative = builder.emit(Less(), [x, zero])
    var gradients: [ValueID?] = [nil, nil]
    if call.needs(0) {
      let bent = builder.multiply(call.seed, slope)
      gradients[0] = builder.emit(Where(), [isNegative, bent, call.seed])
    }
    if call.needs(1) {
      let share = builder.keep(builder.multiply(call.seed, x), where: isNegative)
      gradients[1] = builder.reduce(share, like: slope)
    }
    return gradients
  }
}
