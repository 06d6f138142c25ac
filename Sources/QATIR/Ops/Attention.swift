import QATCore

/// Scaled dot-product attention of several heads.
///
///     s = scale · q kᵀ;  z = softcap · tanh(s / softcap) + bias;  p = softmax(z);  y = p v
///
/// The bias is `attn_mask` (a number, or -∞ where false), and -∞ where a key is hidden. With an
/// offset of as many keys as lie in front of the first query (those of `past_key`, or nonpad -
/// queries), a query i sees those keys j that `isCausal` (j ≤ i + offset), the windows (i + offset -
/// left ≤ j ≤ i + offset + right) and `nonpad_kv_seqlen` (j < nonpad) allow. The row p of a query
/// that sees no key is 0. Several heads of q share one of k and v, the first ones the first.
///
/// - Operands: `q` [B,Hq,Lq,D] or [B,Lq,Hq·D]; `k`, `v` [B,Hk,Lk,D] and [B,Hk,Lk,Dv] or [B,Lk,Hk·D]
///   and [B,Lk,Hk·Dv]; `attn_mask` broadcast to [B,Hq,Lq,P + Lk], its last axis may be shorter: what lies
///   behind it is hidden; `past_key`, `past_value` [B,Hk,P,D] and [B,Hk,P,Dv], in front of k and v;
///   `nonpad_kv_seqlen` i64[B].
/// - Results: `y` [B,Hq,Lq,Dv] or [B,Lq,Hq·Dv]; `present_key`, `present_value` [B,Hk,P + Lk,…], past
///   and new ones; `qk_matmul_output` [B,Hq,Lq,P + Lk]: s, the capped s, z or p.
/// - Source: Vaswani et al., arXiv:1706.03762; Ainslie et al., arXiv:2305.13245.
public struct Attention: Operation {
  public static let name: OpName = "Attention"
  public static let operands: [OperandSpec] = [
    .float("q"), .float("k"), OperandSpec("v", .floats, as: "T2"),
    OperandSpec("attn_mask", .numeric.union([.bool]), as: nil, .optional),
    .float("past_key", .optional), OperandSpec("past_value", .floats, as: "T2", .optional),
    .i64("nonpad_kv_seqlen", .optional),
  ]
  public static let results: [ResultSpec] = [
    "y", ResultSpec("present_key", .optional), ResultSpec("present_value", .optional),
    ResultSpec("qk_matmul_output", .optional),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("is_causal", \.isCausal), .init("kv_num_heads", \.keyHeadCount),
    .init("left_window_size", \.leftWindow), .init("q_num_heads", \.queryHeadCount),
    .init("qk_matmul_output_mode", \.scoreStage), .init("right_window_size", \.rightWindow),
    .init("scale", \.scale), .init("softcap", \.softcap),
    .init("softmax_precision", \.softmaxType),
  ]

  /// Which scores are a result.
  public enum ScoreStage: Int, AttributeConvertible {
    case product = 0, capped, biased, probability
    public init?(_ value: AttributeValue) {
      guard case .int(let number) = value else { return nil }
      self.init(rawValue: number)
    }
    public var attributeValue: AttributeValue? { .int(rawValue) }
  }

  /// Whether a query sees no key behind it.
  public var isCausal = false
  /// How many heads k and v of rank 3 have.
  public var keyHeadCount: Int? = nil
  /// How many heads a q of rank 3 has.
  public var queryHeadCount: Int? = nil
  /// How many keys in front of it a query sees; -1 for all.
  public var leftWindow = -1
  /// How many keys behind it a query sees; -1 for all.
  public var rightWindow = -1
  /// Which scores the fourth result is.
  public var scoreStage = ScoreStage.product
  /// The factor of the products; 1/√D where absent.
  public var scale: Float? = nil
  /// Where scores saturate; 0 for nowhere.
  public var softcap: Float = 0
  /// The type in which softmax is computed; that of q where absent.
  public var softmaxType: ElementType? = nil

  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let sizes = try AttentionSizes(of: self, operands)
    try check(operands, sizes)
    let cache = { size in Shape([sizes.batch, sizes.keyHeads, sizes.total, size]) }
    let y =
      sizes.isFlat
      ? Shape([sizes.batch, sizes.queries, sizes.heads * sizes.valueSize])
      : Shape([sizes.batch, sizes.heads, sizes.queries, sizes.valueSize])
    return [
      TensorType(operands[0].element, y), TensorType(operands[0].element, cache(sizes.headSize)),
      TensorType(operands[2].element, cache(sizes.valueSize)),
      TensorType(operands[0].element, sizes.scores),
    ]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands[0].element, operands[1].element, operands[2].element, operands[0].element]
  }

  private func check(_ operands: Operands, _ sizes: AttentionSizes) throws(Diagnostic) {
    if let heads = sizes.heads.size, let shared = sizes.keyHeads.size,
      shared == 0 ? heads != 0 : heads % shared != 0
    {
      throw Diagnostic(.shapeMismatch, "\(heads) heads of q can't share \(shared) of k and v")
    }
    if operands.isPresent(4) != operands.isPresent(5) {
      throw Diagnostic(.invalidOperand, "past_key and past_value go together")
    }
    if operands.isPresent(6), operands.isPresent(4) {
      throw Diagnostic(.invalidOperand, "nonpad_kv_seqlen can't be used with past_key")
    }
    if leftWindow < -1 || rightWindow < -1 {
      throw Diagnostic(
        .invalidAttribute, "windows of \(leftWindow) and \(rightWindow) keys",
        hint: "use -1 for no bound")
    }
    let cache = Array(sizes.scores.dimensions.prefix(1)) + [sizes.keyHeads, .unknown]
    try checkShape(operands, 4, Shape(cache + [sizes.headSize]), of: Self.operands)
    try checkShape(operands, 5, Shape(cache + [sizes.valueSize]), of: Self.operands)
    try checkSameLength(operands, 4, 5)
    try checkShape(operands, 6, [sizes.batch], of: Self.operands)
    try checkMask(operands, sizes.scores)
  }

  private func checkMask(_ operands: Operands, _ scores: Shape) throws(Diagnostic) {
    guard var mask = operands.optional(3)?.knownShape else { return }
    if let last = mask.dimensions.last?.size, let total = scores[3].size, last < total {
      mask[mask.rank - 1] = scores[3]
    }
    try checkBroadcasts(mask, to: scores, named: "attn_mask")
  }

  private func checkSameLength(_ operands: Operands, _ a: Int, _ b: Int) throws(Diagnostic) {
    guard let first = operands.optional(a)?.knownShape,
      let second = operands.optional(b)?.knownShape,
      let x = first[2].size, let y = second[2].size, x != y
    else { return }
    throw Diagnostic(
      .shapeMismatch, "\(Self.operands[b].name) is of length \(y), \(Self.operands[a].name) of \(x)"
    )
  }
}

/// The sizes of an attention, of operands in either layout.
public struct AttentionSizes: Sendable {
  /// Whether heads lie side by side in tensors of rank 3.
  public let isFlat: Bool
  /// Entries.
  public let batch: Dimension
  /// Heads of q, and of k and v.
  public let heads: Dimension, keyHeads: Dimension
  /// Lengths of q, of k, and of past and new keys together.
  public let queries: Dimension, keys: Dimension, total: Dimension
  /// Elements of a head of q and k, and of v.
  public let headSize: Dimension, valueSize: Dimension

  /// [B,Hq,Lq,P + Lk]
  public var scores: Shape { Shape([batch, heads, queries, total]) }

  /// - Throws: `shape-mismatch` where q, k and v do not fit; `invalid-attribute` for head counts.
  public init(of op: Attention, _ operands: Operands) throws(Diagnostic) {
    let shapes = (0..<3).map { operands[$0].knownShape }
    guard shapes[0].rank == 3 || shapes[0].rank == 4,
      shapes.allSatisfy({ $0.rank == shapes[0].rank })
    else {
      throw Diagnostic(
        .shapeMismatch, "q, k and v have shapes \(shapes[0]), \(shapes[1]) and \(shapes[2])",
        hint: "use [B,heads,L,D] or [B,L,heads*D] for all of them")
    }
    isFlat = shapes[0].rank == 3
    var split = shapes
    if isFlat {
      split[0] = try Self.split(shapes[0], op.queryHeadCount, "q_num_heads")
      split[1] = try Self.split(shapes[1], op.keyHeadCount, "kv_num_heads")
      split[2] = try Self.split(shapes[2], op.keyHeadCount, "kv_num_heads")
    }
    let (q, k, v) = (split[0], split[1], split[2])
    for (name, a, b) in [
      ("the batch of k", k[0], q[0]), ("the batch of v", v[0], q[0]),
      ("the heads of v", v[1], k[1]),
      ("the length of v", v[2], k[2]), ("the head size of k", k[3], q[3]),
    ] {
      if let x = a.size, let y = b.size, x != y {
        throw Diagnostic(.shapeMismatch, "\(name) is \(x), expected \(y)")
      }
    }
    (batch, heads, queries, headSize) = (q[0], q[1], q[2], q[3])
    (keyHeads, keys, valueSize) = (k[1], k[2], v[3])
    guard let past = operands.optional(4)?.knownShape else { total = keys; return }
    total = past.rank == 4 ? past[2] + keys : .unknown
  }

  /// [B,L,heads·D] as [B,heads,L,D].
  private static func split(
    _ x: Shape, _ heads: Int?, _ name: String
  ) throws(Diagnostic) -> Shape {
    guard let heads, heads > 0 else {
      throw Diagnostic(
        .invalidAttribute, "tensors of rank 3 need the number of heads", hint: "set \(name)")
    }
    if let size = x[2].size, size % heads != 0 {
      throw Diagnostic(.shapeMismatch, "\(size) elements can't be divided into \(heads) heads")
    }
    return Shape([x[0], Dimension(heads), x[1], x[2].divided(by: Dimension(heads)) ?? .unknown])
  }
}
