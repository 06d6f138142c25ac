import QATCore

/// Rounds a bias to the int32 codes it will have, of scale `x_scale * w_scale` and zero point 0.
///
///     s = x_scale * w_scale[m],   y = saturate(roundHalfToEven(b / s), int32) * s
///
/// - Operands: `b` float[M]; `x_scale` float[]; `w_scale` float[] or [M].
/// - Result: the type of `b`.
/// - Attributes: `bypass`: the operation is the identity.
/// - Gradient of `b`: `dy` (plain straight-through). None of the scales.
public struct FakeQuantizeBias: Operation {
  public static let name: OpName = "qat.FakeQuantizeBias"
  public static let operands: [OperandSpec] = [.float("b"), .float("x_scale"), .float("w_scale")]
  public static let attributes: [Attribute<Self>] = [.init("bypass", \.bypass)]

  /// Whether the operation is the identity.
  public var bypass = false

  public init() {}
  public init(bypass: Bool) { self.bypass = bypass }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let b = operands[0].knownShape
    let scale = operands[2].knownShape
    guard b.rank == 1 else {
      throw Diagnostic(.shapeMismatch, "b has shape \(b), expected one element a channel")
    }
    guard operands[1].knownShape.rank == 0 else {
      throw Diagnostic(.shapeMismatch, "x_scale has shape \(operands[1].knownShape), expected []")
    }
    guard
      scale.rank == 0
        || (scale.rank == 1 && (scale[0] == b[0] || scale[0].size == nil || b[0].size == nil))
    else { throw Diagnostic(.shapeMismatch, "w_scale has shape \(scale), expected [] or \(b)") }
    return [operands[0]]
  }
}

extension FakeQuantizeBias: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [call.needs(0) ? call.seed : nil, nil, nil]
  }
}
