internal import CQATKernels
import QATCore

/// Float matrix products, row-major.
public enum FloatProduct {
  public static func scratchByteCount(_ pool: ThreadPool) -> Int {
    qat_sgemm_scratch() * 4 * pool.threads
  }

  /// The same for operands of so many elements together.
  public static func scratchByteCount(
    _ pool: ThreadPool, _ precision: ProductPrecision, operands count: Int
  ) -> Int {
    scratchByteCount(pool) + precision.copyByteCount(count)
  }

  /// C = alpha·op(A)·op(B) + beta·C (+ a bias for each column), for each of `batch` products.
  ///
  /// - Parameters:
  ///   - m, n, k: sizes of one product; A is m × k (k × m transposed), B k × n.
  ///   - packed: B packed beforehand, which is then used by every product; `b` is not read.
  ///   - steps: elements from one product's A, B to the next; 0 shares one.
  ///   - precision: bfloat16 needs the scratch memory for it, and leaves `packed` alone.
  public static func run(
    m: Int, n: Int, k: Int, a: TensorView, transposeA: Bool, b: TensorView?, transposeB: Bool,
    packed: PackedMatrix? = nil, c: MutableTensorView, alpha: Float = 1, beta: Float = 0,
    columnBias: TensorView? = nil, batch: Int = 1, steps: (a: Int, b: Int) = (0, 0),
    precision: ProductPrecision = .f32, _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    precondition(c.count >= batch * m * n && a.count >= (batch - 1) * steps.a + m * k)
    precondition(
      b.map { $0.count >= (batch - 1) * steps.b + k * n } ?? (packed != nil && precision == .f32))
    precondition((columnBias?.count ?? n) == n)
    precondition(packed.map { $0.k == k && $0.n == n && steps.b == 0 } ?? true)
    let copies = scratchByteCount(pool) / 4, packed = precision == .bf16 ? nil : packed
    let a = precision.operand(a, scratch, at: copies, pool)
    let b = b.map { precision.operand($0, scratch, at: copies + a.count, pool) }
    var arguments = unsafe arguments(m, n, k, a, transposeA: transposeA, c)
    unsafe arguments.bf16 = precision == .bf16
    // SAFETY: sizes were checked; scratch was asked for with `scratchByteCount`.
    unsafe arguments.b = b?.pointer(Float.self)
    unsafe arguments.b_stride = Int64(transposeB ? k : n)
    unsafe arguments.b_transposed = transposeB
    unsafe arguments.b_packed = packed?.start
    unsafe arguments.b_packed_columns = Int64(n)
    unsafe arguments.alpha = alpha
    unsafe arguments.beta = beta
    unsafe arguments.column_bias = columnBias?.pointer(Float.self)
    unsafe qat_sgemm_batch(
      &arguments, Int64(batch), Int64(steps.a), Int64(steps.b), Int64(m * n), pool.pool,
      scratch.base.assumingMemoryBound(to: Float.self))
  }

  /// C = op(A)·B (+ a bias for each column) for codes B [k, n], with the same result as for their numbers.
  public static func run(
    m: Int, n: Int, k: Int, a: TensorView, transposeA: Bool, b: ScaledCodes, c: MutableTensorView,
    columnBias: TensorView? = nil, _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    precondition(c.count >= m * n && a.count >= m * k && b.count == k * n)
    precondition((columnBias?.count ?? n) == n)
    var arguments = unsafe arguments(m, n, k, a, transposeA: transposeA, c)
    unsafe arguments.b_stride = Int64(n)
    unsafe arguments.column_bias = columnBias?.pointer(Float.self)
    // SAFETY: as above.
    unsafe withUnsafePointer(to: b.c) { codes in
      unsafe arguments.b_codes = codes
      unsafe qat_sgemm_batch(
        &arguments, 1, 0, 0, 0, pool.pool, scratch.base.assumingMemoryBound(to: Float.self))
    }
  }

  /// Of a product without its B.
  private static func arguments(
    _ m: Int, _ n: Int, _ k: Int, _ a: TensorView, transposeA: Bool, _ c: MutableTensorView
  ) -> qat_sgemm_arguments {
    var arguments = unsafe qat_sgemm_arguments()
    unsafe arguments.m = Int64(m)
    unsafe arguments.n = Int64(n)
    unsafe arguments.k = Int64(k)
    unsafe arguments.a = a.pointer(Float.self)
    unsafe arguments.a_stride = Int64(transposeA ? m : k)
    unsafe arguments.a_transposed = transposeA
    unsafe arguments.c = c.pointer(Float.self)
    unsafe arguments.c_stride = Int64(n)
    unsafe arguments.alpha = 1
    return unsafe arguments
  }
}

/// A matrix B of float products, packed beforehand.
@safe public final class PackedMatrix {
  public let k: Int, n: Int
  private let memory: Arena
  private let shared: PackedWeights?

  /// - Parameters:
  ///   - constant: holds [k, n], or [n, k] where `transposed`. - offset: of its first element.
  ///   - sources: what alone decides it, where it is no constant of the graph itself.
  public init(
    k: Int, n: Int, constant: AnyTensor, at offset: Int = 0, transposed: Bool,
    madeFrom sources: [AnyTensor]? = nil
  ) {
    (self.k, self.n) = (k, n)
    let layout = PackedWeights.Layout(
      form: "sgemm", sizes: [k, n, offset, transposed ? 1 : 0])
    let b = TensorView(constant).part(at: offset, shape: [k * n])
    let shared = unsafe PackedWeights.of(
      sources ?? [constant], layout, byteCount: Self.byteCount(k, n)
    ) {
      unsafe Self.pack(k, n, b, transposed: transposed, to: $0)
    }
    self.shared = shared
    memory = shared.memory
  }

  /// Uninitialised, for a matrix that changes.
  public init(k: Int, n: Int) {
    (self.k, self.n) = (k, n)
    shared = nil
    memory = Arena(byteCount: Self.byteCount(k, n))
  }

  private static func byteCount(_ k: Int, _ n: Int) -> Int {
    4 * qat_sgemm_packed_b_size(Int64(k), Int64(n))
  }

  /// Packs another matrix.
  /// - Parameter b: [k, n], or [n, k] where `transposed`.
  /// - Precondition: it is no constant.
  public func replace(b: TensorView, transposed: Bool) {
    precondition(shared == nil)
    unsafe Self.pack(k, n, b, transposed: transposed, to: memory.base)
  }

  // SAFETY: `memory` has the size that packing asks for.
  private static func pack(
    _ k: Int, _ n: Int, _ b: TensorView, transposed: Bool, to memory: UnsafeMutableRawPointer
  ) {
    precondition(b.count == k * n)
    unsafe qat_sgemm_pack_b(
      Int64(k), Int64(n), b.pointer(Float.self), Int64(transposed ? k : n), transposed,
      memory.assumingMemoryBound(to: Float.self))
  }

  var start: UnsafePointer<Float> {
    // SAFETY: as long as this object lives.
    unsafe UnsafePointer(
      memory.view(at: 0, .f32, shape: [memory.byteCount / 4]).pointer(Float.self))
  }
}
