internal import CQATKernels
public import QATCore

/// Float matrix products, row-major.
public enum FloatProduct {
  public static func scratchByteCount(_ pool: ThreadPool) -> Int {
    qat_sgemm_scratch() * 4 * pool.threads
  }

  /// C = alpha·op(A)·op(B) + beta·C (+ a bias for each column), for each of `batch` products.
  ///
  /// - Parameters:
  ///   - m, n, k: sizes of one product; A is m × k (k × m transposed), B k × n.
  ///   - packed: B packed beforehand, which is then used by every product.
  ///   - steps: elements from one product's A, B to the next; 0 shares one.
  public static func run(
    m: Int, n: Int, k: Int, a: TensorView, transposeA: Bool, b: TensorView, transposeB: Bool,
    packed: PackedMatrix? = nil, c: MutableTensorView, alpha: Float = 1, beta: Float = 0,
    columnBias: TensorView? = nil, batch: Int = 1, steps: (a: Int, b: Int) = (0, 0),
    _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    precondition(c.count >= batch * m * n && a.count >= (batch - 1) * steps.a + m * k)
    precondition(b.count >= (batch - 1) * steps.b + k * n && (columnBias?.count ?? n) == n)
    precondition(packed.map { $0.k == k && $0.n == n && steps.b == 0 } ?? true)
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
    unsafe arguments.b_packed = packed?.start
    unsafe arguments.b_packed_columns = Int64(n)
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

/// A matrix B of float products that is packed once.
@safe public final class PackedMatrix {
  public let k: Int, n: Int
  private let memory: Arena

  /// - Parameter b: [k, n], or [n, k] where `transposed`.
  public init(k: Int, n: Int, b: TensorView, transposed: Bool) {
    precondition(b.count == k * n)
    (self.k, self.n) = (k, n)
    memory = Arena(byteCount: 4 * qat_sgemm_packed_b_size(Int64(k), Int64(n)))
    // SAFETY: `memory` has the size that packing asks for.
    unsafe qat_sgemm_pack_b(
      Int64(k), Int64(n), b.pointer(Float.self), Int64(transposed ? k : n), transposed,
      memory.view(at: 0, .f32, shape: [memory.byteCount / 4]).pointer(Float.self))
  }

  var start: UnsafePointer<Float> {
    // SAFETY: as long as this object lives.
    unsafe UnsafePointer(
      memory.view(at: 0, .f32, shape: [memory.byteCount / 4]).pointer(Float.self))
  }
}

/// Products of codes with a matrix B that is packed once.
@safe public final class IntegerProduct {
  public let k: Int, n: Int
  private let packed: Arena
  private let isSigned: Bool
  private let zeros: [Int32]?
  // SAFETY: a row of a static table.
  private let kernel: OpaquePointer

  /// - Parameters:
  ///   - b: u8 or i8, [k, n], or [n, k] where `transposed`. - zeros: one a column; `nil` for 0.
  public convenience init(k: Int, n: Int, b: AnyTensor, transposed: Bool, zeros: [Int32]?) {
    self.init(k: k, n: n, b: TensorView(b), transposed: transposed, zeros: zeros)
  }

  /// The same of a matrix in memory, which is copied.
  public init(k: Int, n: Int, b view: TensorView, transposed: Bool, zeros: [Int32]?) {
    precondition(view.count == k * n && (zeros?.count ?? n) == n)
    (self.k, self.n, self.zeros) = (k, n, zeros)
    isSigned = view.element == .i8
    unsafe kernel = qat_igemm_best()!
    unsafe packed = Arena(byteCount: qat_igemm_packed_size(kernel, Int64(k), Int64(n)))
    // SAFETY: `packed` has the size that the kernel asks for.
    unsafe qat_igemm_pack(
      kernel, Int64(k), Int64(n), view.base, Int64(transposed ? 1 : n), Int64(transposed ? k : 1),
      isSigned, packed.view(at: 0, .u8, shape: [packed.byteCount]).base)
  }

  /// sums[i][j] = bias[j] + Σ (a[i][l] - aZero)·(b[l][j] - zero[j]), modulo 2³². A is [m, k].
  public func sums(
    m: Int, a: TensorView, aZero: Int32, bias: [Int32]?, to sums: MutableTensorView,
    _ pool: ThreadPool
  ) {
    precondition(a.count == m * k && sums.byteCount >= m * n * 4 && (bias?.count ?? n) == n)
    // SAFETY: sizes were checked; the arrays live for the call.
    unsafe withOptional(bias) { bias in
      unsafe withOptional(zeros) { zeros in
        var arguments = unsafe qat_igemm_arguments()
        unsafe arguments.m = Int64(m)
        unsafe arguments.n = Int64(n)
        unsafe arguments.k = Int64(k)
        unsafe arguments.a = a.base
        unsafe arguments.a_stride = Int64(k)
        unsafe arguments.a_signed = a.element == .i8
        unsafe arguments.a_zero = aZero
        unsafe arguments.b = UnsafeRawPointer(
          packed.view(at: 0, .u8, shape: [packed.byteCount]).base)
        unsafe arguments.b_signed = isSigned
        unsafe arguments.b_zero = zeros
        unsafe arguments.bias = bias
        unsafe arguments.c = sums.base.assumingMemoryBound(to: Int32.self)
        unsafe arguments.c_stride = Int64(n)
        unsafe qat_igemm_parallel(kernel, &arguments, pool.pool)
      }
    }
  }

  /// Codes of sums [m, n]: clamp(rint(f32(sum) * m) + zero); one multiplier, or one a column.
  public static func requantize(
    rows: Int, columns: Int, sums: TensorView, multipliers: [Float], zero: Int32,
    range: ClosedRange<Int32>, to q: MutableTensorView
  ) {
    precondition(sums.byteCount >= rows * columns * 4 && q.count == rows * columns)
    precondition(multipliers.count == 1 || multipliers.count == columns)
    // SAFETY: sizes were checked; the array lives for the call.
    unsafe multipliers.withUnsafeBufferPointer { m in
      var arguments = unsafe qat_requantize_arguments()
      unsafe arguments.rows = Int64(rows)
      unsafe arguments.columns = Int64(columns)
      unsafe arguments.acc = sums.base.assumingMemoryBound(to: Int32.self)
      unsafe arguments.stride = Int64(columns)
      unsafe arguments.m = m.baseAddress
      unsafe arguments.m_scalar = m.count == 1
      unsafe arguments.zero = zero
      unsafe arguments.lo = range.lowerBound
      unsafe arguments.hi = range.upperBound
      unsafe arguments.q = q.base
      unsafe arguments.q_stride = Int64(columns)
      unsafe qat_requantize(&arguments)
    }
  }
}
