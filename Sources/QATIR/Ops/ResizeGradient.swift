import QATCore

/// The gradient of `Resize`: `dy` goes to each element by its weight in the interpolation.
///
/// - Operands: `dy` float, shaped like the result; the operands of the `Resize`, of `x` its shape.
/// - Result: the type of `x`.
/// - Attributes: those of `Resize`.
public struct ResizeGradient: Operation {
  public static let name: OpName = "qat.ResizeGradient"
  public static let operands: [OperandSpec] =
    [.float("dy"), .float("x")] + Array(Resize.operands.dropFirst())
  public static let results: [ResultSpec] = ["dx"]
  public static let attributes: [Attribute<Self>] = Resize.attributes.map { $0.within(\.forward) }

  /// The operation that this is the gradient of.
  public var forward = Resize()

  public init() {}
  /// The gradient of that operation.
  public init(_ forward: Resize) { self.forward = forward }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    [operands[1]]
  }
}
