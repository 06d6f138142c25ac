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

  /// Slices of x, coarse, fine and what lies outside, their products with b, and what those need.
  private struct Parts {
    let slices: ScratchLayout.Part, products: ScratchLayout.Part, product: ScratchLayout.Part
    let byteCount: Int

    init(m: Int, _ product: IntegerProduct, _ pool: ThreadPool) {
      var layout = ScratchLayout()
      slices = layout.add(.u8, [3, m, product.k])
      products = layout.add(.f32, [3, m, product.n])
      // Coarse and fine slices are one matrix.
      self.product = layout.add(byteCount: product.scratchByteCount(m: 2 * m, pool))
      byteCount = layout.byteCount
    }
  }

  /// Bytes of scratch memory that `run` needs.
  public func scratchByteCount(m: Int, _ pool: ThreadPool) -> Int {
    Parts(m: m, product, pool).byteCount
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
    precondition(range.lowerBound >= -128 && range.upperBound - range.lowerBound <= 255)
    let parts = Parts(m: m, product, pool), rest = scratch[parts.product]
    let slices = scratch[parts.slices], products = scratch[parts.products]
    let reachesOutside = Atomic(false)
    pool.share(m, by: ThreadPool.rows(of: k)) { rows in
      // SAFETY: there are three slices of m·k bytes, and x holds m·k floats.
      let first = rows.lowerBound * k, coarse = unsafe slices.pointer(UInt8.self) + first
      var any = false
      unsafe qat_learned_slices(
        Int64(rows.count * k), x.pointer(Float.self) + first, scale, zero, range.lowerBound,
        range.upperBound, coarse, coarse + m * k, coarse + 2 * m * k, &any)
      if any { reachesOutside.store(true, ordering: .relaxed) }
    }
    product.replace(
      b: b, transposed: transposed,
      multipliers: (0..<n).map { scales[scales.count == 1 ? 0 : $0] }, scratch: rest)
    /// The products of some slices, whose zero point is a code.
    func multiply(_ some: Range<Int>, zero: Int32) {
      let first = some.lowerBound * m, rows = some.count * m
      product.reals(
        m: rows, a: slices.part(at: first * k, shape: [rows, k]).readOnly, aZero: zero,
        to: products.part(at: first * n, shape: [rows, n]), pool, scratch: rest)
    }
    multiply(0..<2, zero: 128)
    let isOutside = reachesOutside.load(ordering: .relaxed)
    if isOutside { multiply(2..<3, zero: zero + (range.lowerBound < 0 ? 128 : 0)) }
    var sum = 0.0
    // SAFETY: there are three products of m·n floats, and dy holds as many.
    let ofCoarse = unsafe products.pointer(Float.self)
    unsafe qat_learned_slices_sum(
      Int64(m), Int64(n), dy.pointer(Float.self), ofCoarse, ofCoarse + m * n,
      isOutside ? ofCoarse + 2 * m * n : nil, &sum)
    return sum
  }
}
