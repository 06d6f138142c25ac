import QATCore

/// The rest of a division, broadcast.
///
///     fmod = 0: y = a - floor(a / b) · b    // has the sign of b
///     fmod = 1: y = a - trunc(a / b) · b    // has the sign of a
///
/// Floats: NaN for an infinite `a` and for `b` = 0; `a`, or with `fmod` 0 and unlike signs `b`, for
/// an infinite `b`. Integers: 0 where `b` is 0, which ONNX leaves open.
public struct Mod: BinaryElementwise, ShapeArithmetic {
  public static let name: OpName = "Mod"
  public static let attributes: [Attribute<Self>] = [.init("fmod", \.truncates)]
  /// Whether the quotient is rounded toward zero, and not down.
  public var truncates = false
  public init() {}
  public init(truncates: Bool) { self.truncates = truncates }

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    elementwiseDimensions(operands) { a, b in
      guard let a = a.integer, let b = b.integer else { return nil }
      return Dimension(signed: rest(a, b))
    }
  }

  /// The rest of a division of integers.
  public func rest<Integer: FixedWidthInteger>(_ a: Integer, _ b: Integer) -> Integer {
    if b == 0 { return 0 }
    let rest = a.remainderReportingOverflow(dividingBy: b).partialValue
    return truncates || rest == 0 || (rest < 0) == (b < 0) ? rest : rest + b
  }
}

extension Mod: Differentiable {
  /// `da = dy`, `db = -dy · q`, `q = (a - y) / b` being the rounded quotient.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let a = call.operand(0), b = call.operand(1)
    var gradients: [ValueID?] = [nil, nil]
    if call.needs(0) { gradients[0] = builder.reduce(call.seed, like: a) }
    if call.needs(1) {
      let quotient = builder.divide(builder.subtract(a, call.result), b)
      let share = builder.emit(Neg(), [builder.multiply(call.seed, quotient)])
      gradients[1] = builder.reduce(share, like: b)
    }
    return gradients
  }
}
