internal import CQATKernels
public import QATCore

/// Codes that are added to those of a convolution or product by the rule of QLinearAdd, in the same
/// pass: y = saturate(rint(fma(a, ra, fma(b, rb, F)))), as `CodeLoops.add`.
@safe public struct AddedCodes {
  public let codes: TensorView
  private let own: AffineGrid, other: AffineGrid, sum: AffineGrid, isFirst: Bool

  /// - Parameters:
  ///   - codes: of the shape and type of the result, channels last. - other: their grid.
  ///   - own: the grid of the convolution's codes. - sum: that of the result.
  ///   - isFirst: the added codes are the operand that stands inside F (`QuantizedSum`).
  public init(
    _ codes: TensorView, _ other: AffineGrid, to own: AffineGrid, sum: AffineGrid, isFirst: Bool
  ) {
    precondition(codes.element == sum.grid.container && codes.element.bitWidth == 8)
    (self.codes, self.other, self.own, self.sum) = (codes, other, own, sum)
    self.isFirst = isFirst
  }

  var c: qat_conv_s8_sum {
    let ownRatio = own.scale / sum.scale, ratio = other.scale / sum.scale
    let a = isFirst ? (ratio, other.zeroPoint) : (ownRatio, own.zeroPoint)
    let b = isFirst ? (ownRatio, own.zeroPoint) : (ratio, other.zeroPoint)
    return unsafe qat_conv_s8_sum(
      codes: codes.base, is_signed: codes.element == .i8, is_first: isFirst, own_ratio: ownRatio,
      ratio: ratio,
      fixed: qat_qlinear_add_fixed(a.0, Int32(a.1), b.0, Int32(b.1), Int32(sum.zeroPoint)),
      lo: Int32(sum.grid.min), hi: Int32(sum.grid.max))
  }
}

/// Convolutions of codes, acc = bias + Σ (x - xZero)·(w - wZero), modulo 2³². Constant weights are packed
/// once.
@safe public final class IntegerConvolution {
  private let shape: ConvolutionShape
  private let weights: PackedCodes
  private let channelsLast: Bool

  /// Packs the weights.
  /// - Parameters:
  ///   - w: u8 or i8, OIHW. - weightZeros: one an output channel; `nil` for 0.
  ///   - bias: one an output channel; `nil` for 0.
  ///   - multipliers: of `codes` and `reals`: one, or one an output channel.
  ///   - channelsLast: images and results are NHWC, which is what the kernels want.
  public convenience init(
    _ shape: ConvolutionShape, w: AnyTensor, weightZeros: [Int32]?, bias: [Int32]? = nil,
    multipliers: [Float] = [], channelsLast: Bool = false
  ) {
    let shape = Self.fastest(shape, of: w.element, weightZeros)
    self.init(
      shape, of: w.element, Self.packed(shape, w), weightZeros, bias, multipliers,
      channelsLast: channelsLast)
  }

  /// For weights and multipliers, one a channel, that change from run to run: `replace` gives them.
  public convenience init(_ shape: ConvolutionShape, of element: ElementType, channelsLast: Bool) {
    self.init(
      Self.fastest(shape, of: element, nil), of: element, nil, nil, nil,
      Array(repeating: 0, count: shape.outChannels), channelsLast: channelsLast)
  }

  /// The shape, by minimal filtering where that is possible and faster.
  private static func fastest(
    _ shape: ConvolutionShape, of element: ElementType, _ zeros: [Int32]?
  ) -> ConvolutionShape {
    var shape = shape, c = shape.c
    shape.isMinimal = unsafe element == .i8 && zeros == nil && qat_conv_s8_is_minimal(&c)
    return shape
  }

  private init(
    _ shape: ConvolutionShape, of element: ElementType, _ packed: PackedWeights?,
    _ zeros: [Int32]?, _ bias: [Int32]?, _ multipliers: [Float], channelsLast: Bool
  ) {
    precondition(Set<ElementType>([.i8, .u8]).contains(element))
    (self.shape, self.channelsLast) = (shape, channelsLast)
    var c = shape.c
    weights = unsafe PackedCodes(
      packed, byteCount: qat_conv_s8_packed_size(&c), isSigned: element == .i8,
      channels: shape.outChannels, zeros: zeros, bias: bias, multipliers: multipliers)
  }

  private static func packed(_ shape: ConvolutionShape, _ w: AnyTensor) -> PackedWeights {
    var c = shape.c
    let byteCount = unsafe qat_conv_s8_packed_size(&c)
    return unsafe PackedWeights.of(
      [w], shape.packing(shape.isMinimal ? "conv_s8_minimal" : "conv_s8", byteCount: byteCount),
      byteCount: byteCount
    ) { packed in
      let scratch = Arena(byteCount: shape.weightCount)
      unsafe pack(shape, TensorView(w), to: packed, scratch.base)
    }
  }

  /// Takes other weights of the same type in the place of the former, and other multipliers, for the
  /// convolutions that follow with the same scratch memory.
  /// - Precondition: the weights are not constant.
  public func replace(w: TensorView, multipliers: [Float], scratch: MutableTensorView) {
    precondition((w.element == .i8) == weights.isSigned)
    precondition(scratch.byteCount >= packingByteCount)
    unsafe weights.repack(multipliers: multipliers, in: scratch) { packed, free in
      unsafe Self.pack(shape, w, to: packed, free)
    }
  }

  /// The scratch memory that `replace` needs.
  private var packingByteCount: Int {
    weights.frontByteCount == 0 ? 0 : weights.frontByteCount + shape.weightCount
  }

  // SAFETY: both buffers have the sizes that the kernel asks for.
  private static func pack(
    _ shape: ConvolutionShape, _ w: TensorView, to packed: UnsafeMutableRawPointer,
    _ scratch: UnsafeMutableRawPointer
  ) {
    precondition(w.count == shape.weightCount)
    var c = shape.c
    unsafe qat_conv_s8_pack(&c, w.base, w.element == .i8, packed, scratch)
  }

  /// Enough for `codes`; `sums` and `reals` need `sumScratchByteCount`.
  public func scratchByteCount(_ pool: ThreadPool) -> Int {
    scratchByteCount(QAT_CONV_CODES, pool)
  }

  public func sumScratchByteCount(_ pool: ThreadPool) -> Int {
    scratchByteCount(QAT_CONV_SUMS, pool)
  }

  private func scratchByteCount(_ result: qat_conv_result, _ pool: ThreadPool) -> Int {
    max(
      packingByteCount,
      weights.scratchByteCount(shape, result, channelsLast: channelsLast, pool))
  }

  /// Codes: clamp(rint(f32(acc)·m) + zero), and the sum of these and other codes.
  /// - Precondition: `adding` where the layout is channels last alone.
  public func codes(
    x: TensorView, xZero: Int32, zero: Int32, range: ClosedRange<Int32>, adding: AddedCodes? = nil,
    y: MutableTensorView, _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    run(x, xZero, .codes(zero: zero, range: range, adding: adding), y, pool, scratch)
  }

  /// The sums themselves, int32.
  public func sums(
    x: TensorView, xZero: Int32, y: MutableTensorView, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    run(x, xZero, .sums, y, pool, scratch)
  }

  /// fma(f32(acc), m, bias), or f32(acc)·m.
  public func reals(
    x: TensorView, xZero: Int32, bias: TensorView? = nil, y: MutableTensorView, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    run(x, xZero, .reals(bias: bias), y, pool, scratch)
  }

  private func run(
    _ x: TensorView, _ xZero: Int32, _ form: CodeForm, _ y: MutableTensorView, _ pool: ThreadPool,
    _ scratch: MutableTensorView
  ) {
    precondition(x.count == shape.inputCount && y.count == shape.outputCount)
    precondition(
      x.element.bitWidth == 8 && y.element.bitWidth == (form.c == QAT_CONV_CODES ? 8 : 32))
    weights.run(
      shape, x: x, xZero: xZero, form, channelsLast: channelsLast, y: y, pool, scratch)
  }
}

/// Products of rows of codes with a matrix B,
/// acc[i][j] = bias[j] + Σ (a[i][l] - aZero)·(b[l][j] - zero[j]), modulo 2³². A constant B is packed once.
@safe public final class IntegerProduct {
  public let k: Int, n: Int
  private let matrix: PackedCodes
  /// Images of one pixel.
  private let row: ConvolutionShape

  /// - Parameters:
  ///   - b: u8 or i8, [k, n], or [n, k] where `transposed`. - zeros: one a column; `nil` for 0.
  ///   - bias: one a column; `nil` for 0.
  ///   - multipliers: of `codes` and `reals`: one, or one a column.
  public convenience init(
    k: Int, n: Int, b: AnyTensor, transposed: Bool, zeros: [Int32]?, bias: [Int32]? = nil,
    multipliers: [Float] = []
  ) {
    let layout = PackedWeights.Layout(form: "igemm", sizes: [k, n, transposed ? 1 : 0])
    let packed = unsafe PackedWeights.of([b], layout, byteCount: Self.byteCount(k, n)) {
      unsafe pack(TensorView(b), k: k, n: n, transposed: transposed, $0)
    }
    self.init(
      packed, k: k, n: n, of: b.element, zeros: zeros, bias: bias, multipliers: multipliers)
  }

  private static func row(_ k: Int, _ n: Int) -> ConvolutionShape {
    ConvolutionShape(
      x: [1, k, 1, 1], w: [n, k, 1, 1], y: [1, n, 1, 1], groups: 1, strides: [1, 1],
      dilations: [1, 1], pads: [0, 0])
  }

  /// For a matrix that changes from run to run: `replace` gives it.
  public convenience init(
    k: Int, n: Int, of element: ElementType, zeros: [Int32]?, bias: [Int32]? = nil,
    multipliers: [Float] = []
  ) {
    self.init(nil, k: k, n: n, of: element, zeros: zeros, bias: bias, multipliers: multipliers)
  }

  private init(
    _ packed: PackedWeights?, k: Int, n: Int, of element: ElementType, zeros: [Int32]?,
    bias: [Int32]?, multipliers: [Float]
  ) {
    (self.k, self.n) = (k, n)
    row = IntegerProduct.row(k, n)
    matrix = PackedCodes(
      packed, byteCount: Self.byteCount(k, n), isSigned: element == .i8, channels: n, zeros: zeros,
      bias: bias, multipliers: multipliers)
  }

  private static func byteCount(_ k: Int, _ n: Int) -> Int {
    qat_igemm_packed_size(Int64(k), Int64(n))
  }

  /// Takes another matrix of the same size and type in the place of the former, for the products that
  /// follow with the same scratch memory.
  /// - Precondition: the matrix is not constant.
  /// - Parameter multipliers: other ones, as many as before; `nil` where they stay.
  public func replace(
    b: TensorView, transposed: Bool, multipliers: [Float]? = nil, scratch: MutableTensorView
  ) {
    precondition((b.element == .i8) == matrix.isSigned)
    unsafe matrix.repack(multipliers: multipliers, in: scratch) { packed, _ in
      unsafe pack(b, k: k, n: n, transposed: transposed, packed)
    }
  }

  /// Scratch memory for a product of m rows, in any form.
  public func scratchByteCount(m: Int, _ pool: ThreadPool) -> Int {
    matrix.scratchByteCount(shape(m), QAT_CONV_SUMS, channelsLast: true, pool)
  }

  /// The sums, int32 [m, n]; A is [m, k].
  public func sums(
    m: Int, a: TensorView, aZero: Int32, to y: MutableTensorView, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    run(m, a, aZero, .sums, y, pool, scratch)
  }

  /// clamp(rint(f32(acc)·m) + zero), and the sum of these and other codes.
  public func codes(
    m: Int, a: TensorView, aZero: Int32, zero: Int32, range: ClosedRange<Int32>,
    adding: AddedCodes? = nil, to y: MutableTensorView, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    run(m, a, aZero, .codes(zero: zero, range: range, adding: adding), y, pool, scratch)
  }

  /// fma(f32(acc), m, bias), or f32(acc)·m.
  public func reals(
    m: Int, a: TensorView, aZero: Int32, bias: TensorView? = nil, to y: MutableTensorView,
    _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    run(m, a, aZero, .reals(bias: bias), y, pool, scratch)
  }

  private func run(
    _ m: Int, _ a: TensorView, _ aZero: Int32, _ form: CodeForm, _ y: MutableTensorView,
    _ pool: ThreadPool, _ scratch: MutableTensorView
  ) {
    let size = form.c == QAT_CONV_CODES ? 1 : 4
    precondition(a.count == m * k && a.element.bitWidth == 8 && y.byteCount >= m * n * size)
    matrix.run(shape(m), x: a, xZero: aZero, form, channelsLast: true, y: y, pool, scratch)
  }

  private func shape(_ m: Int) -> ConvolutionShape {
    var shape = row
    shape.batch = m
    return shape
  }

  /// Codes of sums [rows, columns]: clamp(rint(f32(sum)·m) + zero); one multiplier, or one a column.
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

/// SAFETY: `packed` has the size that the kernel asks for, and b k·n elements.
private func pack(
  _ b: TensorView, k: Int, n: Int, transposed: Bool, _ packed: UnsafeMutableRawPointer
) {
  precondition(b.count == k * n && b.element.bitWidth == 8)
  unsafe qat_igemm_pack(
    Int64(k), Int64(n), b.base, Int64(transposed ? 1 : n), Int64(transposed ? k : 1),
    b.element == .i8, packed)
}
