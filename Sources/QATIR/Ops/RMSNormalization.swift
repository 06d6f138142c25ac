import QATCore

/// Divides by the root mean square over the axes from `axis` on, and scales.
///
///     y = x / √(mean(x²) + epsilon) · scale
///
/// - Operands: `x` float[…]; `scale`, broadcast to the shape of `x`.
/// - Result: the shape of `x`, the element type of `scale`.
/// - Gradient: with r = 1 / √(mean(x²) + epsilon), x̂ = x · r and g = dy · scale,
///   dx = r · (g - x̂ · mean(g · x̂)) and dscale = dy · x̂, summed to the shape of `scale`.
/// - Source: Zhang, Sennrich, arXiv:1910.07467.
public struct RMSNormalization: Operation {
  public static let name: OpName = "RMSNormalization"
  public static let operands: [OperandSpec] = [
    .float("x"), OperandSpec("scale", .floats, as: "V"),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("axis", \.axis), .init("epsilon", \.epsilon), .init("stash_type", \.stashType),
  ]
  /// The first of the axes that are normalized together.
  public var axis = -1
  /// Added to the mean square, so that its root is never 0.
  public var epsilon: Float = 1e-5
  /// The type in which ONNX normalizes; kept, as the mean is at least as exact here.
  public var stashType = ElementType.f32

  public init() {}
  public init(axis: Int, epsilon: Float = 1e-5) {
    self.axis = axis
    self.epsilon = epsilon
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    _ = try checkedAxis(axis, rank: x.rank)
    try checkBroadcasts(operands[1].knownShape, to: x, named: "scale")
    return [TensorType(operands[1].element, x)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [operands[1].element] }
}

extension RMSNormalization: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), scale = call.operand(1)
    guard let rank = builder.type(of: x).shape?.rank else {
      throw Diagnostic(
        .unsupported, "the rank of x is unknown, so \(Self.name) has no gradient",
        hint: "declare the shapes of the graph's inputs")
    }
    let axes = builder.integers(Array(try checkedAxis(axis, rank: rank)..<rank))
    let square = builder.emit(ReduceMean(), [builder.multiply(x, x), axes])
    let root = builder.emit(Sqrt(), [builder.add(square, Double(epsilon))])
    let normalized = builder.divide(x, root)
    let g = builder.multiply(call.seed, scale)
    let projection = builder.emit(ReduceMean(), [builder.multiply(g, normalized), axes])
    let rest = builder.subtract(g, builder.multiply(normalized, projection))
    let slopes = builder.multiply(call.seed, normalized)
    return [
      builder.divide(rest, root), call.needs(1) ? builder.reduce(slopes, like: scale) : nil,
    ]
  }
}

extension RMSNormalization: Expandable {
  public func expansion(
    of operands: [ValueID?], in builder: inout GraphBuilder
  ) throws(Diagnostic) -> ValueID {
    let x = builder.required(operands, 0), scale = builder.required(operands, 1)
    guard builder.type(of: x).element == builder.type(of: scale).element else {
      throw Diagnostic(.unsupported, "x and scale have different element types")
    }
    return builder.multiply(try builder.normalized(x, from: axis, epsilon), scale)
  }
}
