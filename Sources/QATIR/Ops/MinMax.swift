import QATCore

/// The smallest and the largest element, of the whole tensor or of each channel.
///
/// NaN anywhere makes both NaN, so that nothing hides it; of no elements both are 0.
///
/// - Operand: `x` float[...].
/// - Results: `min`, `max`: the type of `x`, [] or [C].
/// - Attributes: `axis`, the channel axis (absent: the whole tensor).
public struct MinMax: Operation {
  public static let name: OpName = "qat.MinMax"
  public static let operands: [OperandSpec] = [.float("x")]
  public static let results: [ResultSpec] = ["min", "max"]
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]

  public var axis: Int? = nil

  public init() {}
  public init(axis: Int?) { self.axis = axis }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = try parameterShape(of: operands[0].knownShape, axis: axis)
    let type = TensorType(operands[0].element, shape)
    return [type, type]
  }
}
