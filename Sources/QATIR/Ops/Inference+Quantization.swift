import QATCore

extension Set<ElementType> {
  /// Types of scales.
  static let scales: Set = [.f32, .f16, .bf16]
  /// Types of the scales of blocks as well.
  static let blockScales = scales.union([.f8e8m0])
  static let float8: Set = [.f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz]
  /// What real numbers are quantized to: integers and floats of few bits.
  static let quantized = codes.union(float8).union([.f4e2m1])
}

extension OperandSpec {
  /// 8-bit codes; those with the same variable share their type.
  static func codes8(
    _ name: String, as variable: String, _ presence: Presence = .required
  ) -> Self {
    OperandSpec(name, .codes8, as: variable, presence)
  }
}

/// Checks that a scale and its zero point are per tensor (`[]` or `[1]`) or, where `channels` is
/// given, per channel (`[channels]`).
func checkQuantization(
  _ operands: Operands, scale: Int, zeroPoint: Int, channels: Dimension? = nil
) throws(Diagnostic) {
  for (index, name) in [(scale, "scale"), (zeroPoint, "zero point")] {
    guard let shape = operands.optional(index)?.shape else { continue }
    if shape.rank == 0 || (shape.rank == 1 && (shape[0].size ?? 1) == 1) { continue }
    if let channels, shape.rank == 1, channels.size == nil || shape[0] == channels { continue }
    throw Diagnostic(
      .shapeMismatch,
      "operand \(index), a \(name), has shape \(shape), expected []"
        + (channels.map { " or [\($0)]" } ?? ""))
  }
}
