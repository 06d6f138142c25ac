import QATCore

/// Turns pairs of a head's elements by angles that depend on the position in the sequence.
///
///     y₁ = cos · x₁ - sin · x₂,  y₂ = sin · x₁ + cos · x₂
///
/// The pairs are the elements i and i + d/2 of the first d elements of a head, or 2i and 2i + 1
/// where `interleaved`; what lies behind the first d passes.
///
/// - Operands: `x` [B,heads,S,head size] or [B,S,heads · head size]; `cos`, `sin` [B,S,d/2], or
///   [positions,d/2] together with `position_ids` i64[B,S].
/// - Result: the type of `x`.
/// - Gradient: `dy` turned back, by the same angles with the other sign; none of the tables.
/// - Source: Su et al., arXiv:2104.09864.
public struct RotaryEmbedding: Operation {
  public static let name: OpName = "RotaryEmbedding"
  public static let operands: [OperandSpec] = [
    .float("x"), .float("cos_cache"), .float("sin_cache"), .i64("position_ids", .optional),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("interleaved", \.interleaved), .init("num_heads", \.headCount),
    .init("rotary_embedding_dim", \.turnedCount),
  ]
  /// Whether a pair's elements are neighbours.
  public var interleaved = false
  /// How many heads a tensor of rank 3 has.
  public var headCount: Int? = nil
  /// How many elements of a head are turned; 0 for all.
  public var turnedCount = 0

  public init() {}
  public init(interleaved: Bool = false, headCount: Int? = nil, turnedCount: Int = 0) {
    self.interleaved = interleaved
    self.headCount = headCount
    self.turnedCount = turnedCount
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    guard x.rank == 3 || x.rank == 4 else {
      throw Diagnostic(
        .shapeMismatch, "x has shape \(x), expected [B,heads,S,D] or [B,S,heads*D]")
    }
    let head = try headSize(x)
    if let head, turnedCount < 0 || turnedCount > head || max(head, 1) < 2 {
      throw Diagnostic(
        .invalidAttribute, "\(turnedCount) elements of a head of \(head) can't be turned")
    }
    if let turned = turnedCount > 0 ? turnedCount : head, turned % 2 != 0 {
      throw Diagnostic(.shapeMismatch, "\(turned) elements of a head make no pairs")
    }
    let half = (turnedCount > 0 ? turnedCount : head).map { Dimension($0 / 2) } ?? .unknown
    let sequence = [x[0], x[x.rank - 2]]
    let hasPositions = operands.isPresent(3)
    for index in [1, 2] {
      let expected = Shape((hasPositions ? [.unknown] : sequence) + [half])
      try checkShape(operands, index, expected, of: Self.operands)
    }
    try checkSameShape(operands, [1, 2], of: Self.operands)
    try checkShape(operands, 3, Shape(sequence), of: Self.operands)
    return [operands[0]]
  }

  /// How many elements a head has, where that is known.
  private func headSize(_ x: Shape) throws(Diagnostic) -> Int? {
    if x.rank == 4 { return x[3].size }
    guard let headCount, headCount > 0 else {
      throw Diagnostic(
        .invalidAttribute, "an x of rank 3 needs the number of heads", hint: "set num_heads")
    }
    guard let size = x[2].size else { return nil }
    guard size % headCount == 0 else {
      throw Diagnostic(.shapeMismatch, "\(size) elements can't be divided into \(headCount) heads")
    }
    return size / headCount
  }
}

extension RotaryEmbedding: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    guard !call.needs(1), !call.needs(2) else {
      throw Diagnostic(.unsupported, "no gradient flows into the tables of \(Self.name)")
    }
    let back = builder.emit(Neg(), [call.operand(2)])
    let operands = [call.seed, call.operand(1), back] + call.operands.dropFirst(3)
    return [builder.emit(self, operands), nil, nil, nil]
  }
}
