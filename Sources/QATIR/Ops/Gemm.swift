import QATCore

/// Matrix product with a summand.
///
///     y = alpha * A * B + beta * c,   A = a or its transpose, B = b or its transpose
///
/// - Operands: `a` [M, K] ([K, M] where `transA`); `b` [K, N] ([N, K] where `transB`); `c`,
///   optional, which broadcasts to [M, N]. Float, or 32- and 64-bit integers (with whole `alpha`
///   and `beta`, modulo 2^32 or 2^64).
/// - Result: [M, N].
public struct Gemm: Operation {
  public static let name: OpName = "Gemm"
  public static let operands: [OperandSpec] = [
    OperandSpec("a", .products, as: "T"), OperandSpec("b", .products, as: "T"),
    OperandSpec("c", .products, as: "T", .optional),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("alpha", \.alpha), .init("beta", \.beta), .init("transA", \.transA),
    .init("transB", \.transB),
  ]

  /// The factor of the product.
  public var alpha: Float = 1
  /// The factor of the third operand.
  public var beta: Float = 1
  /// Whether the first operand is transposed.
  public var transA = false
  /// Whether the second operand is transposed.
  public var transB = false

  public init() {}
  public init(alpha: Float = 1, beta: Float = 1, transA: Bool = false, transB: Bool = false) {
    self.alpha = alpha
    self.beta = beta
    self.transA = transA
    self.transB = transB
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let a = operands[0].knownShape
    let b = operands[1].knownShape
    for (name, shape) in [("a", a), ("b", b)] where shape.rank != 2 {
      throw Diagnostic(
        .shapeMismatch, "\(name) has shape \(shape), expected a matrix",
        hint: "insert a Flatten, or use MatMul")
    }
    let inner = transA ? a[0] : a[1]
    let other = transB ? b[1] : b[0]
    if let x = inner.size, let y = other.size, x != y {
      throw Diagnostic(
        .shapeMismatch,
        "a \(a) and b \(b)\(flags) can't be multiplied: \(x) columns against \(y) rows",
        hint: (transB ? b[0] : b[1]).size == x ? "transB = \(transB ? 0 : 1) would fit" : nil)
    }
    let result = Shape([transA ? a[1] : a[0], transB ? b[0] : b[1]])
    if let c = operands.optional(2)?.shape {
      let broadcast = try broadcastShape([result, c])
      let grown = zip(broadcast.dimensions, result.dimensions).contains {
        $0.size != nil && $1.size != nil && $0 != $1
      }
      if broadcast.rank != 2 || grown {
        throw Diagnostic(.shapeMismatch, "c has shape \(c), which does not broadcast to \(result)")
      }
    }
    return [TensorType(operands[0].element, result)]
  }

  private var flags: String {
    (transA ? ", transA" : "") + (transB ? ", transB" : "")
  }
}

extension Set<ElementType> {
  /// What matrix products take.
  static let products = floats.union([.i32, .i64, .u32, .u64])
}

extension Gemm: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let dy = call.seed
    let a = call.operand(0)
    let b = call.operand(1)
    func product(_ x: ValueID, _ transX: Bool, _ y: ValueID, _ transY: Bool) -> ValueID {
      builder.emit(Gemm(alpha: alpha, transA: transX, transB: transY), [x, y])
    }
    let da =
      !call.needs(0) ? nil : transA ? product(b, transB, dy, true) : product(dy, false, b, !transB)
    let db =
      !call.needs(1) ? nil : transB ? product(dy, true, a, transA) : product(a, !transA, dy, false)
    guard call.needs(2) else { return [da, db, nil] }
    let dc = builder.reduce(dy, like: call.operand(2))
    return [da, db, beta == 1 ? dc : builder.multiply(dc, by: Double(beta))]
  }
}
