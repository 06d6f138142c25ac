import QAT

/// `min(max(x, 0), limit)`: a Relu whose largest value is known before any data is seen, so that a
/// quantizer behind it needs no calibration and no outlier can stretch its scale.
///
/// - Operand `x`: float[...].
/// - Attribute `limit`: the largest value, in units of `x`.
/// - Gradient: `dy` where `0 < x < limit`, else 0.
struct LimitedRelu: UnaryElementwise {
  static let name: OpName = "example.LimitedRelu"
  static let attributes: [Attribute<Self>] = [.init("limit", \.limit)]

  var limit: Float = 6
}

// How it is computed: one formula for Float and Double. An operation of several operands conforms to
// `Evaluable` and computes its result tensors itself.
extension LimitedRelu: UnaryFormula {
  func value<T: ReferenceFloat>(_ x: T) -> T { min(max(x, 0), T(limit)) }
}

// How it is differentiated: as operations, which print, verify and run like the rest.
extension LimitedRelu: Differentiable {
  func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0)
    let zero = builder.scalar(0, like: x), top = builder.scalar(Double(limit), like: x)
    let above = builder.emit(Greater(), [x, zero]), below = builder.emit(Less(), [x, top])
    let inside = builder.emit(And(), [above, below])
    return [builder.emit(Where(), [inside, call.seed, zero])]
  }
}
