import QATCore

/// Product of activations in float with a matrix of few bits, dequantized block by block.
///
///     W[n, k] = (q[n, k] - zero_point[n, k / block_size]) * scale[n, k / block_size]
///     y = A · Wᵀ + bias                                             in float32
///
/// `q` has `bits` bits, unsigned. Codes are packed low bits first, each block on its own; the last one
/// is filled up, and what fills it counts nothing.
///
/// - Operands: `A` f32, f16 or bf16 [..., K]; `B` u8 [N, ceil(K/block_size), block_size·bits/8]; `scales` of the type
///   of `A`, [N, ceil(K/block_size)] or flat; `zero_points`, optional: u8, packed a row,
///   [N, ceil(ceil(K/block_size)·bits/8)] or flat, or float shaped like `scales`; absent:
///   2^(bits - 1); `g_idx` i32 [K], optional: the block whose scale and zero
///   point each k has; `bias`, optional, [N].
/// - Result: [..., N], of the type of `A`.
/// - Attributes: `K`, `N`, `bits` (2, 4 or 8), `block_size` (a power of two, 16 or more),
///   `accuracy_level`: what a runtime may round `A` to (0 and 1: float32, 2: float16, 3: bfloat16, 4: int8
///   in blocks), `weight_prepacked` (0: as above).
/// - Source: ONNX Runtime's contrib operators, com.microsoft, version 1.
public struct MatMulNBits: Operation {
  public static let name: OpName = "com.microsoft.MatMulNBits"
  public static let operands: [OperandSpec] = [
    OperandSpec("A", [.f32, .f16, .bf16], as: "T1"), OperandSpec("B", [.u8], as: nil),
    OperandSpec("scales", [.f32, .f16, .bf16], as: "T1"),
    OperandSpec("zero_points", [.u8, .f32, .f16, .bf16], as: nil, .optional),
    OperandSpec("g_idx", [.i32], as: nil, .optional),
    OperandSpec("bias", [.f32, .f16, .bf16], as: "T1", .optional),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("K", \.inner), .init("N", \.columns), .init("accuracy_level", \.accuracyLevel),
    .init("bits", \.bits), .init("block_size", \.blockSize),
    .init("weight_prepacked", \.weightPrepacked),
  ]

  /// K: the length of the sums.
  public var inner = 0
  /// N: the columns of the result.
  public var columns = 0
  /// What ONNX Runtime may compute with: 0 and 1 for float32, 4 for 8 bits.
  public var accuracyLevel = 0
  /// Of a code: 4 or 8.
  public var bits = 0
  /// Codes along the inner axis that share a scale.
  public var blockSize = 0
  /// Whether the weight is in a runtime's own order.
  public var weightPrepacked = 0

  public init() {}
  public init(inner: Int, columns: Int, bits: Int, blockSize: Int, accuracyLevel: Int = 0) {
    self.inner = inner
    self.columns = columns
    self.bits = bits
    self.blockSize = blockSize
    self.accuracyLevel = accuracyLevel
  }

  /// Blocks in a row of the weight.
  public var blocks: Int { (inner + blockSize - 1) / blockSize }
  /// Bytes of a row's packed zero points.
  public var zeroPointBytes: Int { (blocks * bits + 7) / 8 }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard (1...1 << 28).contains(inner), (1...1 << 28).contains(columns) else {
      throw Diagnostic(.invalidAttribute, "K is \(inner), N is \(columns)")
    }
    guard [2, 4, 8].contains(bits), (16...1 << 20).contains(blockSize),
      blockSize.nonzeroBitCount == 1
    else {
      throw Diagnostic(
        .invalidAttribute, "bits is \(bits), block_size is \(blockSize)",
        hint: "bits is 2, 4 or 8; block_size a power of two, 16 or more")
    }
    let a = operands[0].knownShape
    guard a.rank > 0, let last = a.dimensions.last, last.size == nil || last.size == inner else {
      throw Diagnostic(.shapeMismatch, "A has shape \(a), expected [..., \(inner)]")
    }
    try check(operands, 1, columns * blocks * blockSize * bits / 8)
    try check(operands, 2, columns * blocks)
    let packed = operands.optional(3)?.element == .u8
    try check(operands, 3, packed ? columns * zeroPointBytes : columns * blocks)
    try check(operands, 4, inner)
    try check(operands, 5, columns)
    return [
      TensorType(operands[0].element, Shape(a.dimensions.dropLast() + [Dimension(columns)]))
    ]
  }

  /// Checks how many elements an operand has; older files have flat ones.
  private func check(_ operands: Operands, _ index: Int, _ count: Int) throws(Diagnostic) {
    guard let shape = operands.optional(index)?.shape, let found = shape.elementCount.size,
      found != count
    else { return }
    throw Diagnostic(
      .shapeMismatch, "\(Self.operands[index].name) has shape \(shape), expected \(count) elements")
  }
}
