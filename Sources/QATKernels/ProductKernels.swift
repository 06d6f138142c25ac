internal import CQATKernels
import QATCore

/// Float matrix products, row-major.
public enum FloatProduct {
  public static func scratchByteCount(_ pool: ThreadPool) -> Int {
    qat_sgemm_scratch() * 4 * pool.threads
  }

  /// C = alpha·op(A)·op(B) + beta·C (+ a bias for each column), for each of `batch` products.
  ///
  /// - Parameters:
  ///   - m, n, k: sizes of one product; A is m × k (k × m transposed), B k × n.
  ///   - steps: elements from one product's A, B to the next; 0 shares one.
  public static func run(
    m: Int, n: Int, k: Int, a: TensorView, transposeA: Bool, b: TensorView, transposeB: Bool,
    c: MutableTensorView, alpha: Float = 1, beta: Float = 0, columnBias: TensorView? = nil,
    batch: Int = 1, steps: (a: Int, b: Int) = (0, 0), _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    precondition(c.count >= batch * m * n && a.count >= (batch - 1) * steps.a + m * k)
    precondition(b.count >= (batch - 1) * steps.b + k * n && (columnBias?.count ?? n) == n)
    var arguments = unsafe qat_sgemm_arguments()
    unsafe arguments.m = Int64(m)
    unsafe arguments.n = Int64(n)
    unsafe arguments.k = Int64(k)
    // SAFETY: sizes were checked; scratch was asked for with `scratchByteCount`.
    unsafe arguments.a = a.pointer(Float.self)
    unsafe arguments.a_stride = Int64(transposeA ? m : k)
    unsafe arguments.a_transposed = transposeA
    unsafe arguments.b = b.pointer(Float.self)
    unsafe arguments.b_stride = Int64(transposeB ? k : n)
    unsafe arguments.b_transposed = transposeB
    unsafe arguments.c = c.pointer(Float.self)
    unsafe arguments.c_stride = Int64(n)
    unsafe arguments.alpha = alpha
    unsafe arguments.beta = beta
    unsafe arguments.column_bias = columnBias?.pointer(Float.self)
    unsafe qat_sgemm_batch(
      &arguments, Int64(batch), Int64(steps.a), Int64(steps.b), Int64(m * n), pool.pool,
      scratch.base.assumingMemoryBound(to: Float.self))
  }
}
