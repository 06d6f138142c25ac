extension Node {
  /// The note by which the pass `round-products` marks what multiplies in bfloat16.
  public static let precisionNote = "qat.matmul-precision"

  /// Whether its operands are rounded to bfloat16 before they are multiplied.
  public var roundsToBfloat16: Bool { metadata[Self.precisionNote] == "bf16" }
}
