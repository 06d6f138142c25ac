import QATCore

/// The gradient of `Slice`: zeros, with `dy` where the slice was taken.
///
/// - Operands: `dy` float, shaped like the slice; `x`, what was sliced, for its shape; `starts`,
///   `ends`, `axes`, `steps` as of `Slice`.
/// - Result: the type of `x`.
public struct SliceGradient: Operation {
  public static let name: OpName = "qat.SliceGradient"
  public static let operands: [OperandSpec] =
    [.float("dy"), .float("x")] + Array(Slice.operands.dropFirst())
  public static let results: [ResultSpec] = ["dx"]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] { [operands[1]] }
}
