internal import CQATKernels
public import QATCore

/// Element-wise rules on 8-bit codes.
public enum CodeKernels {
  /// The factors of a QLinearAdd or QLinearMul.
  public struct Sum: Sendable {
    let aRatio: Float, bRatio: Float, aZero: Int32, bZero: Int32, zero: Int32
    public init(
      _ a: QuantizationParameters, _ b: QuantizationParameters, to c: QuantizationParameters
    ) {
      (aRatio, bRatio) = (a.scale / c.scale, b.scale / c.scale)
      (aZero, bZero, zero) = (Int32(a.zeroPoint), Int32(b.zeroPoint), Int32(c.zeroPoint))
    }
  }

  public struct Product: Sendable {
    let ratio: Float, aZero: Int32, bZero: Int32, zero: Int32
    public init(
      _ a: QuantizationParameters, _ b: QuantizationParameters, to c: QuantizationParameters
    ) {
      ratio = (a.scale * b.scale) / c.scale
      (aZero, bZero, zero) = (Int32(a.zeroPoint), Int32(b.zeroPoint), Int32(c.zeroPoint))
    }
  }

  /// The rule of QLinearAdd; an operand of one element is used for all.
  public static func add(_ rule: Sum, _ a: TensorView, _ b: TensorView, _ c: MutableTensorView) {
    let (aStep, bStep) = check(a, b, c), range = range(c.element)
    // SAFETY: sizes were checked.
    unsafe qat_qlinear_add(
      Int64(c.count), a.base, aStep, b.base, bStep, c.element == .i8, rule.aRatio, rule.aZero,
      rule.bRatio, rule.bZero, rule.zero, range.lowerBound, range.upperBound, c.base)
  }

  /// The rule of QLinearMul; an operand of one element is used for all.
  public static func multiply(
    _ rule: Product, _ a: TensorView, _ b: TensorView, _ c: MutableTensorView
  ) {
    let (aStep, bStep) = check(a, b, c), range = range(c.element)
    // SAFETY: sizes were checked.
    unsafe qat_qlinear_mul(
      Int64(c.count), a.base, aStep, b.base, bStep, c.element == .i8, rule.aZero, rule.bZero,
      rule.ratio, rule.zero, range.lowerBound, range.upperBound, c.base)
  }

  /// y = table[x].
  /// - Parameter table: 256 bytes; a signed code indexes by its bit pattern.
  public static func lookUp(_ table: [UInt8], _ x: TensorView, _ y: MutableTensorView) {
    precondition(table.count == 256 && x.count == y.count)
    precondition(x.element.bitWidth == 8 && y.element.bitWidth == 8)
    // SAFETY: sizes were checked; the array lives for the call.
    unsafe table.withUnsafeBufferPointer { table in
      unsafe qat_lookup(
        Int64(x.count), x.base.assumingMemoryBound(to: UInt8.self), table.baseAddress,
        y.base.assumingMemoryBound(to: UInt8.self))
    }
  }

  /// The rule of QLinearAveragePool, without counting padding.
  public static func average(
    _ shape: PoolingShape, x: TensorView, from xRule: QuantizationParameters,
    y: MutableTensorView, to yRule: QuantizationParameters, _ pool: ThreadPool
  ) {
    precondition(x.count == shape.x.reduce(1, *) && y.count == shape.y.reduce(1, *))
    precondition(x.element == y.element && x.element.bitWidth == 8)
    var c = shape.c
    let range = range(y.element)
    // SAFETY: sizes were checked.
    unsafe qat_qlinear_averagepool(
      &c, x.base, x.element == .i8, xRule.scale, Int32(xRule.zeroPoint), yRule.scale,
      Int32(yRule.zeroPoint), false, range.lowerBound, range.upperBound, y.base, pool.pool)
  }

  /// The rule of QLinearGlobalAveragePool over planes of `pixels`.
  public static func globalAverage(
    pixels: Int, x: TensorView, from xRule: QuantizationParameters, y: MutableTensorView,
    to yRule: QuantizationParameters
  ) {
    precondition(x.count == y.count * pixels && x.element == y.element && x.element.bitWidth == 8)
    let range = range(y.element)
    // SAFETY: sizes were checked.
    unsafe qat_qlinear_global_averagepool(
      Int64(y.count), Int64(pixels), x.base, x.element == .i8, Int32(xRule.zeroPoint),
      xRule.scale / (yRule.scale * Float(pixels)), Int32(yRule.zeroPoint), range.lowerBound,
      range.upperBound, y.base)
  }

  private static func check(
    _ a: TensorView, _ b: TensorView, _ c: MutableTensorView
  ) -> (Int32, Int32) {
    precondition([1, c.count].contains(a.count) && [1, c.count].contains(b.count))
    precondition(a.element == c.element && b.element == c.element && c.element.bitWidth == 8)
    return (a.count == 1 ? 0 : 1, b.count == 1 ? 0 : 1)
  }

  private static func range(_ element: ElementType) -> ClosedRange<Int32> {
    element == .i8 ? -128...127 : 0...255
  }
}
