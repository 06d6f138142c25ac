import QATCore

/// `x` to the power `exponent`, broadcast; the result has the element type of `x`.
///
/// - Operands: `x` a float or i32 or i64; `exponent` any number type.
public struct Pow: Operation {
  public static let name: OpName = "Pow"
  public static let operands: [OperandSpec] = [
    OperandSpec("x", .floats.union([.i32, .i64]), as: "T"), OperandSpec("exponent", .numeric),
  ]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = try broadcastShape([operands[0].knownShape, operands[1].knownShape])
    return [TensorType(operands[0].element, shape)]
  }
}

extension Pow: Differentiable {
  /// `dx = dy · p · x^(p-1)`, 0 where p = 0; `dp = dy · y · log(x)`, 0 where x ≤ 0.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), element = builder.type(of: x).element
    let isFloat = builder.type(of: call.operand(1)).element.isFloatingPoint
    var p = call.operand(1)
    if builder.type(of: p).element != element { p = builder.emit(Cast(to: element), [p]) }
    let zero = builder.scalar(0, like: x)
    var gradients: [ValueID?] = [nil, nil]
    if call.needs(0) {
      let less = builder.add(p, -1)
      let power = builder.emit(Pow(), [x, less])
      let slope = builder.multiply(p, power)
      let isZero = builder.emit(Equal(), [p, zero])
      let known = builder.emit(Where(), [isZero, zero, slope])
      gradients[0] = builder.reduce(builder.multiply(call.seed, known), like: x)
    }
    if call.needs(1), isFloat {
      let isPositive = builder.emit(Greater(), [x, zero])
      let one = builder.scalar(1, like: x)
      let safe = builder.emit(Where(), [isPositive, x, one])
      let slope = builder.multiply(call.result, builder.emit(Log(), [safe]))
      let known = builder.keep(slope, where: isPositive)
      var gradient = builder.reduce(builder.multiply(call.seed, known), like: p)
      let original = builder.type(of: call.operand(1)).element
      if original != element { gradient = builder.emit(Cast(to: original), [gradient]) }
      gradients[1] = gradient
    }
    return gradients
  }
}
