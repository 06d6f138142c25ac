import QATCore

/// Matrix product, as NumPy's `matmul`: over the last two axes, the axes before them broadcast.
///
/// - Operands: `a` [..., M, K] or [K]; `b` [..., K, N] or [K]. Float, or 32- and 64-bit integers
///   (modulo 2^32 or 2^64).
/// - Result: [..., M, N], without M where `a` is a vector and without N where `b` is one.
public struct MatMul: Operation {
  public static let name: OpName = "MatMul"
  public static let operands: [OperandSpec] = [
    OperandSpec("a", .products, as: "T"), OperandSpec("b", .products, as: "T"),
  ]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = try matMulShape(operands[0].knownShape, operands[1].knownShape)
    return [TensorType(operands[0].element, shape)]
  }
}

/// The shape of the matrix product of two tensors, by NumPy's rules.
/// - Throws: `shape-mismatch`.
public func matMulShape(_ a: Shape, _ b: Shape) throws(Diagnostic) -> Shape {
  guard a.rank > 0, b.rank > 0 else {
    throw Diagnostic(
      .shapeMismatch, "a \(a) and b \(b): a scalar can't be multiplied as a matrix",
      hint: "use Mul")
  }
  let inner = a[a.rank - 1]
  let other = b[max(b.rank - 2, 0)]
  if let x = inner.size, let y = other.size, x != y {
    throw Diagnostic(
      .shapeMismatch, "a \(a) and b \(b) can't be multiplied: \(x) columns against \(y) rows",
      hint: b.rank > 1 && b[b.rank - 1].size == x ? "insert a Transpose of b" : nil)
  }
  let batch = try broadcastShape([
    Shape(Array(a.dimensions.dropLast(2))), Shape(Array(b.dimensions.dropLast(2))),
  ])
  return Shape(
    batch.dimensions + (a.rank > 1 ? [a[a.rank - 2]] : []) + (b.rank > 1 ? [b[b.rank - 1]] : []))
}

extension MatMul: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    // Vectors become matrices first, so that one rule serves all: da = dy bᵀ, db = aᵀ dy.
    let a = call.operand(0)
    let b = call.operand(1)
    let rankA = try rank(of: a, builder)
    let rankB = try rank(of: b, builder)
    var dy = call.seed
    var matrixA = a
    var matrixB = b
    if rankB == 1 {
      dy = builder.emit(Unsqueeze(), [dy, builder.integers([-1])])
      matrixB = builder.emit(Unsqueeze(), [b, builder.integers([1])])
    }
    if rankA == 1 {
      dy = builder.emit(Unsqueeze(), [dy, builder.integers([-2])])
      matrixA = builder.emit(Unsqueeze(), [a, builder.integers([0])])
    }
    func reduced(_ gradient: ValueID, _ matrix: ValueID, like operand: ValueID) -> ValueID {
      let sum = builder.reduce(gradient, like: matrix)
      return matrix == operand ? sum : builder.emit(ReshapeLike(), [sum, operand])
    }
    var da: ValueID?
    var db: ValueID?
    if call.needs(0) {
      let transposed = builder.emit(Transpose.ofMatrices(rank: max(rankB, 2)), [matrixB])
      da = reduced(builder.emit(MatMul(), [dy, transposed]), matrixA, like: a)
    }
    if call.needs(1) {
      let transposed = builder.emit(Transpose.ofMatrices(rank: max(rankA, 2)), [matrixA])
      db = reduced(builder.emit(MatMul(), [transposed, dy]), matrixB, like: b)
    }
    return [da, db]
  }

  private func rank(of value: ValueID, _ builder: GraphBuilder) throws(Diagnostic) -> Int {
    guard let rank = builder.type(of: value).shape?.rank else {
      throw Diagnostic(
        .unsupported, "'\(builder.graph[value].name)' has unknown rank, so MatMul has no gradient",
        hint: "declare the shapes of the graph's inputs")
    }
    return rank
  }
}
