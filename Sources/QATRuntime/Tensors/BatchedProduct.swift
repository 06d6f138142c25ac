import QATCore
import QATIR
import QATKernels

/// Products of two stacks of matrices of 8-bit codes, the axes before the last two broadcast.
struct BatchedProduct {
  let m: Int, n: Int, k: Int
  /// Of the result, without m where `a` is a vector and without n where `b` is one.
  let shape: [Int]
  /// Which matrix of each operand a matrix of the result is made of.
  private let matrices: [(a: Int, b: Int)]

  /// - Throws: `shape-mismatch` for shapes that NumPy's `matmul` refuses.
  init(_ a: [Int], _ b: [Int]) throws(Diagnostic) {
    shape = try matMulShape(Shape(a), Shape(b)).sizes ?? []
    let x = a.count == 1 ? [1] + a : a, y = b.count == 1 ? b + [1] : b
    (m, k, n) = (x[x.count - 2], x[x.count - 1], y[y.count - 1])
    let outerA = Array(x.dropLast(2)), outerB = Array(y.dropLast(2))
    let batch = try broadcastShape([Shape(outerA), Shape(outerB)]).sizes ?? []
    matrices = Array(
      zip(broadcastOffsets(outerA, to: batch), broadcastOffsets(outerB, to: batch))
    ).map { (a: $0.0, b: $0.1) }
  }

  /// How many rows of n elements the result has.
  var rows: Int { matrices.count * m }

  /// Products to do, one after the other in the result: how many rows each has, and which matrices
  /// it is made of. One of all rows where all share one matrix B and every A comes once.
  var steps: (height: Int, list: [(a: Int, b: Int)]) {
    let isShared = matrices.allSatisfy { $0.b == 0 }
    let isWhole = matrices.enumerated().allSatisfy { $1.a == $0 }
    return isShared && isWhole ? (rows, rows == 0 ? [] : [(a: 0, b: 0)]) : (m, matrices)
  }

  /// `bias[j] + Σ (a[i][l] - aZero)·(b[l][j] - bZeros[j])` modulo 2³², as i32 of `shape`.
  /// - Parameter bZeros: one a column, or `nil` for 0.
  func sums(
    _ a: AnyTensor, aZero: Int32, _ b: AnyTensor, bZeros: [Int32]?, bias: [Int32]?,
    _ pool: ThreadPool
  ) -> AnyTensor {
    if k == 0 {
      let row = bias ?? Array(repeating: 0, count: n)
      return AnyTensor(shape: shape, (0..<rows).flatMap { _ in row })
    }
    let (height, list) = steps
    let product = IntegerProduct(k: k, n: n, of: b.element, zeros: bZeros, bias: bias)
    let scratch = VariableBuffer(.u8, shape: [product.scratchByteCount(m: height, pool)])
    return AnyTensor(.i32, shape: shape) { target in
      for (index, step) in list.enumerated() where height * n > 0 {
        if index == 0 || step.b != list[index - 1].b {
          product.replace(
            b: TensorView(b).part(at: step.b * k * n, shape: [k, n]), transposed: false,
            scratch: scratch.view)
        }
        product.sums(
          m: height, a: TensorView(a).part(at: step.a * m * k, shape: [height, k]), aZero: aZero,
          to: target.part(at: index * m * n, shape: [height, n]), pool, scratch: scratch.view)
      }
    }
  }
}
