import QATCore

/// Checks that operands have one shape, as far as their dimensions are known.
/// - Throws: `shape-mismatch` where two known sizes or the ranks differ.
public func checkSameShape(
  _ operands: Operands, _ indices: [Int], of specs: [OperandSpec]
) throws(Diagnostic) {
  guard let first = indices.first, operands.isPresent(first) else { return }
  let expected = operands[first].knownShape
  for index in indices.dropFirst() where operands.isPresent(index) {
    let shape = operands[index].knownShape
    let agrees =
      shape.rank == expected.rank
      && zip(shape.dimensions, expected.dimensions).allSatisfy { a, b in
        a.size == nil || b.size == nil || a.size == b.size
      }
    if !agrees {
      throw Diagnostic(
        .shapeMismatch,
        "\(specs[index].name) has shape \(shape), \(specs[first].name) has \(expected)")
    }
  }
}

/// Checks that an operand is a vector of a certain size, as far as sizes are known.
/// - Throws: `shape-mismatch`.
public func checkVector(
  _ operands: Operands, _ index: Int, size: Dimension, of specs: [OperandSpec]
) throws(Diagnostic) {
  guard let type = operands.optional(index) else { return }
  let shape = type.knownShape
  let agrees =
    shape.rank == 1 && (shape[0].size == nil || size.size == nil || shape[0].size == size.size)
  if !agrees {
    throw Diagnostic(
      .shapeMismatch, "\(specs[index].name) has shape \(shape), expected [\(size)]")
  }
}
