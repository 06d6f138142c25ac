import QATCore

/// One step of stochastic gradient descent with momentum, for one parameter.
///
///     g' = g + weight_decay * w
///     v' = momentum * v + g'
///     w' = w - learning_rate * (nesterov ? g' + momentum * v' : v')
///
/// - Operands: `w`, `gradient` and `velocity` of one type and shape; `learning_rate` f32[].
/// - Results: the new `w`, the new `velocity`.
/// - Source: Sutskever et al., On the importance of initialization and momentum (2013), in the form
///   without dampening where the learning rate multiplies the velocity.
public struct SGD: Operation {
  public static let name: OpName = "qat.SGD"
  public static let operands: [OperandSpec] = [
    .float("w"), .float("gradient"), .float("velocity"), .float("learning_rate"),
  ]
  public static let results: [ResultSpec] = ["w", "velocity"]
  public static let attributes: [Attribute<Self>] = [
    .init("momentum", \.momentum), .init("nesterov", \.nesterov),
    .init("weight_decay", \.weightDecay),
  ]

  /// The weight of the velocity.
  public var momentum: Float = 0
  /// Whether the gradient is looked at behind the moment's step.
  public var nesterov = false
  /// Times the variable, added to the gradient.
  public var weightDecay: Float = 0

  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkSameShapes(operands, [0, 1, 2])
    return [operands[0], operands[0]]
  }
}

/// - Throws: `shape-mismatch` where operands of an optimizer step differ in shape.
func checkSameShapes(_ operands: Operands, _ indices: [Int]) throws(Diagnostic) {
  for index in indices where operands[index].shape != operands[indices[0]].shape {
    throw Diagnostic(
      .shapeMismatch, "\(operands[indices[0]]) and \(operands[index]) must have one shape")
  }
}
