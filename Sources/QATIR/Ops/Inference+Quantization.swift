import QATCore

extension Set<ElementType> {
  /// Types of scales.
  static let scales: Set = [.f32, .f16, .bf16]
  /// Types of the scales of blocks as well.
  static let blockScales = scales.union([.f8e8m0])
  static let float8: Set = [.f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz]
  /// What real numbers are quantized to in 8 bits: integers and floats.
  static let quantized8 = codes8.union(float8)
  /// And in fewer or more bits.
  static let quantized = codes.union(float8).union([.f4e2m1, .f6e2m3, .f6e3m2])
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

/// Checks scales and zero points of a matrix operand (or a stack of them): per tensor (`[]` or `[1]`),
/// or one for each index along `axis`, which is -2 for rows and -1 for columns: `[C]`, or of the rank
/// of the operand, with 1 along the other of the two axes, and each other dimension as there or 1.
func checkMatrixQuantization(
  _ operands: Operands, _ matrix: Int, scale: Int? = nil, zeroPoint: Int, axis: Int
) throws(Diagnostic) {
  let shape = operands[matrix].knownShape
  for (index, name) in [(scale, "scale"), (zeroPoint, "zero point")] {
    guard let index, let found = operands.optional(index)?.shape else { continue }
    if found.rank == 0 || (found.rank == 1 && (found[0].size ?? 1) == 1) { continue }
    var expected = shape
    if shape.rank > 1 {
      expected[shape.rank - 3 - axis] = 1
      let channels = shape[shape.rank + axis]
      if found.rank == 1, channels.size == nil || found[0] == channels { continue }
      if found.rank == shape.rank,
        zip(found.dimensions, expected.dimensions).allSatisfy({
          $0 == $1 || $0.size == 1 || $0.size == nil || $1.size == nil
        })
      {
        continue
      }
    }
    throw Diagnostic(
      .shapeMismatch,
      "operand \(index), a \(name), has shape \(found), expected []"
        + (shape.rank > 1 ? ", [\(shape[shape.rank + axis])] or \(expected)" : ""))
  }
}
