internal import CQATKernels
public import QATCore

/// Loops over 8-bit codes of one type, by the rules of QLinearAdd, QLinearMul and tables.
public enum CodeLoops {
  /// c = a + b, with `a` as the operand that stands inside F (`QuantizedSum`).
  public static func add(
    _ a: TensorView, _ aGrid: AffineGrid, _ b: TensorView, _ bGrid: AffineGrid,
    to c: MutableTensorView, _ cGrid: AffineGrid, _ rows: BroadcastRows
  ) {
    check(a, b, c)
    let isSigned = c.element == .i8
    unsafe rows.forEach(a, b, c) { a, b, c in
      // SAFETY: a row lies inside its views.
      unsafe qat_qlinear_add(
        Int64(rows.length), a, rows.moves.a ? 1 : 0, b, rows.moves.b ? 1 : 0, isSigned,
        aGrid.scale / cGrid.scale, Int32(aGrid.zeroPoint), bGrid.scale / cGrid.scale,
        Int32(bGrid.zeroPoint), Int32(cGrid.zeroPoint), Int32(cGrid.grid.min),
        Int32(cGrid.grid.max), c)
    }
  }

  /// c = a·b (`QuantizedProduct`).
  public static func multiply(
    _ a: TensorView, _ aGrid: AffineGrid, _ b: TensorView, _ bGrid: AffineGrid,
    to c: MutableTensorView, _ cGrid: AffineGrid, _ rows: BroadcastRows
  ) {
    check(a, b, c)
    let isSigned = c.element == .i8
    unsafe rows.forEach(a, b, c) { a, b, c in
      // SAFETY: as in `add`.
      unsafe qat_qlinear_mul(
        Int64(rows.length), a, rows.moves.a ? 1 : 0, b, rows.moves.b ? 1 : 0, isSigned,
        Int32(aGrid.zeroPoint), Int32(bGrid.zeroPoint), (aGrid.scale * bGrid.scale) / cGrid.scale,
        Int32(cGrid.zeroPoint), Int32(cGrid.grid.min), Int32(cGrid.grid.max), c)
    }
  }

  /// y = table[x], where a signed code stands for its bit pattern.
  /// - Parameter table: 256 codes, as their bytes.
  public static func lookUp(_ x: TensorView, table: [UInt8], _ y: MutableTensorView) {
    precondition(table.count == 256 && x.count == y.count)
    precondition(x.element.bitWidth == 8 && y.element.bitWidth == 8)
    // SAFETY: sizes were checked; every byte is an index of the table.
    unsafe table.withUnsafeBufferPointer { table in
      guard let start = table.baseAddress else { return }
      unsafe qat_lookup(
        Int64(x.count), x.base.assumingMemoryBound(to: UInt8.self), start,
        y.base.assumingMemoryBound(to: UInt8.self))
    }
  }

  private static func check(_ a: TensorView, _ b: TensorView, _ c: MutableTensorView) {
    precondition(
      c.element.bitWidth == 8 && a.element == c.element && b.element == c.element,
      "codes of one 8-bit type")
  }
}
