internal import CQATKernels
import QATCore
import Synchronization

/// The gradient of a learned scale through a product of codes, of method `lsq`:
/// Σ dy[m,n] · bScale[n] · Σ e[m,k] · b[k,n], where e is cut into slices of 8 bits.
@safe public final class ScaleGradientProduct {
  private let product: IntegerProduct

  /// For matrices b of i8, k·n.
  public init(k: Int, n: Int) {
    product = IntegerProduct(
      k: k, n: n, of: .i8, zeros: nil, multipliers: Array(repeating: 0, count: n))
  }

  /// Slices and their products with b, coarse and fine ones as one matrix, and what lies outside.
  private struct Parts {
    let slices: MutableTensorView, products: MutableTensorView, scratch: MutableTensorView
    let m: Int, k: Int, n: Int

    static func byteCount(m: Int, _ product: IntegerProduct) -> Int {
      rounded(3 * m * product.k) + rounded(12 * m * product.n)
    }

    init(_ memory: MutableTensorView, m: Int, _ product: IntegerProduct) {
      (self.m, k, n) = (m, product.k, product.n)
      let behind = Self.rounded(3 * m * k), end = Self.byteCount(m: m, product)
      // SAFETY: the memory holds `byteCount` and what the product asks for.
      unsafe slices = MutableTensorView(base: memory.base, .u8, shape: [3, m, k])
      unsafe products = MutableTensorView(base: memory.base + behind, .f32, shape: [3, m, n])
      unsafe scratch = MutableTensorView(
        base: memory.base + end, .u8, shape: [memory.byteCount - end])
    }

    private static func rounded(_ count: Int) -> Int { (count + 63) / 64 * 64 }
  }

  /// Bytes of scratch memory that `run` needs.
  public func scratchByteCount(m: Int, _ pool: ThreadPool) -> Int {
    Parts.byteCount(m: m, product) + product.scratchByteCount(m: 2 * m, pool)
  }

  /// - Parameters:
  ///   - dy: [m, n]. - x: [m, k]. - b: [k, n], or [n, k] where `transposed`.
  ///   - bScale: one, or one a column. - scale, zero, range: of the codes of x.
  /// - Returns: the sum; g is the caller's.
  public func run(
    m: Int, dy: TensorView, b: TensorView, transposed: Bool, bScale: TensorView, x: TensorView,
    scale: Float, zero: Int32, range: ClosedRange<Int32>, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) -> Double {
    let (k, n) = (product.k, product.n), scales = bScale.floats
    precondition(dy.count == m * n && x.count == m * k && [1, n].contains(scales.count))
    precondition(scratch.byteCount >= scratchByteCount(m: m, pool))
    precondition(range.lowerBound >= -128 && range.upperBound - range.lowerBound <= 255)
    let parts = Parts(scratch, m: m, product)
    let reachesOutside = Atomic(false)
    pool.share(m, by: ThreadPool.rows(of: k)) { rows in
      // SAFETY: there are three slices of m·k bytes, and x holds m·k floats.
      let first = rows.lowerBound * k, slices = unsafe parts.slices.base.assumingMemoryBound(
        to: UInt8.self)
      var any = false
      unsafe qat_learned_slices(
        Int64(rows.count * k), x.pointer(Float.self) + first, scale, zero, range.lowerBound,
        range.upperBound, slices + first, slices + m * k + first, slices + 2 * m * k + first, &any)
      if any { reachesOutside.store(true, ordering: .relaxed) }
    }
    product.replace(
      b: b, transposed: transposed,
      multipliers: (0..<n).map { scales[scales.count == 1 ? 0 : $0] }, scratch: parts.scratch)
    /// The products of some slices, whose zero point is a code.
    func multiply(_ slices: Range<Int>, zero: Int32) {
      product.reals(
        m: slices.count * m,
        a: parts.slices.part(at: slices.lowerBound * m * k, shape: [slices.count * m, k]).readOnly,
        aZero: zero,
        to: parts.products.part(at: slices.lowerBound * m * n, shape: [slices.count * m, n]), pool,
        scratch: parts.scratch)
    }
    multiply(0..<2, zero: 128)
    let isOutside = reachesOutside.load(ordering: .relaxed)
    if isOutside { multiply(2..<3, zero: zero + (range.lowerBound < 0 ? 128 : 0)) }
    var sum = 0.0
    // SAFETY: there are three products of m·n floats, and dy holds as many.
    let products = unsafe parts.products.pointer(Float.self)
    unsafe qat_learned_slices_sum(
      Int64(m), Int64(n), dy.pointer(Float.self), products, products + m * n,
      isOutside ? products + 2 * m * n : nil, &sum)
    return sum
  }
}
