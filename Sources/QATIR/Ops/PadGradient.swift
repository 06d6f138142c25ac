import QATCore

/// The gradient of `Pad`: each element of `dy` is added to the element of `x` that it is a copy of.
///
/// - Operands: `dy` float, shaped like the result; `x`, what was padded, for its shape; `pads` and
///   `axes` as of `Pad`.
/// - Result: the type of `x`.
/// - Attribute: `mode` of the `Pad`.
public struct PadGradient: Operation {
  public static let name: OpName = "qat.PadGradient"
  public static let operands: [OperandSpec] = [
    .float("dy"), .float("x"), .i64("pads"), OperandSpec("axes", [.i32, .i64], as: nil, .optional),
  ]
  public static let results: [ResultSpec] = ["dx"]
  public static let attributes: [Attribute<Self>] = [.init("mode", \.mode)]

  /// What the padding held.
  public var mode = PadMode.constant

  public init() {}
  public init(mode: PadMode) { self.mode = mode }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] { [operands[1]] }
}
