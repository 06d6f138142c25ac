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
    if !shape.agrees(with: expected) {
      throw Diagnostic(
        .shapeMismatch,
        "\(specs[index].name) has shape \(shape), \(specs[first].name) has \(expected)")
    }
  }
}

/// Checks that an operand that is present is a vector of a certain size, as far as sizes are known.
/// - Throws: `shape-mismatch`.
public func checkVector(
  _ operands: Operands, _ index: Int, size: Dimension, of specs: [OperandSpec]
) throws(Diagnostic) {
  try checkShape(operands, index, [size], of: specs)
}

/// Checks that an operand that is present has a certain shape, as far as sizes are known.
/// - Throws: `shape-mismatch`.
public func checkShape(
  _ operands: Operands, _ index: Int, _ expected: Shape, of specs: [OperandSpec]
) throws(Diagnostic) {
  guard let shape = operands.optional(index)?.knownShape else { return }
  if !shape.agrees(with: expected) {
    throw Diagnostic(
      .shapeMismatch, "\(specs[index].name) has shape \(shape), expected \(expected)")
  }
}

extension Shape {
  /// Whether the ranks are the same, and no two known sizes differ.
  func agrees(with other: Shape) -> Bool {
    rank == other.rank
      && zip(dimensions, other.dimensions).allSatisfy { a, b in
        a.size == nil || b.size == nil || a.size == b.size
      }
  }
}
