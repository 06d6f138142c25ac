internal import CQATKernels
public import QATCore

/// Loops over 8-bit codes of one type, by the rules of QLinearAdd, QLinearMul and tables.
public enum CodeLoops {
  /// A stretch of a broadcast loop: where the result and both operands start, and whether an operand
  /// moves along (else its one element serves all).
  public struct Run: Sendable {
    /// Elements of the stretch, and where it starts in the result.
    public let count: Int, start: Int
    /// The same of the operands.
    public let a: (start: Int, moves: Bool), b: (start: Int, moves: Bool)

    /// - Precondition of its use: it lies inside the three tensors.
    public init(
      count: Int, start: Int, a: (start: Int, moves: Bool), b: (start: Int, moves: Bool)
    ) {
      (self.count, self.start, self.a, self.b) = (count, start, a, b)
    }
  }

  /// c = a + b, with `a` as the operand that stands inside F (`QuantizedSum`).
  public static func add(
    _ a: TensorView, _ aGrid: AffineGrid, _ b: TensorView, _ bGrid: AffineGrid,
    to c: MutableTensorView, _ cGrid: AffineGrid, _ run: Run
  ) {
    check(a, b, c, run)
    // SAFETY: the run lies inside the three views, as just checked.
    unsafe qat_qlinear_add(
      Int64(run.count), a.base + run.a.start, run.a.moves ? 1 : 0, b.base + run.b.start,
      run.b.moves ? 1 : 0, c.element == .i8, aGrid.scale / cGrid.scale, Int32(aGrid.zeroPoint),
      bGrid.scale / cGrid.scale, Int32(bGrid.zeroPoint), Int32(cGrid.zeroPoint),
      Int32(cGrid.grid.min), Int32(cGrid.grid.max), c.base + run.start)
  }

  /// c = a·b (`QuantizedProduct`).
  public static func multiply(
    _ a: TensorView, _ aGrid: AffineGrid, _ b: TensorView, _ bGrid: AffineGrid,
    to c: MutableTensorView, _ cGrid: AffineGrid, _ run: Run
  ) {
    check(a, b, c, run)
    // SAFETY: as in `add`.
    unsafe qat_qlinear_mul(
      Int64(run.count), a.base + run.a.start, run.a.moves ? 1 : 0, b.base + run.b.start,
      run.b.moves ? 1 : 0, c.element == .i8, Int32(aGrid.zeroPoint), Int32(bGrid.zeroPoint),
      (aGrid.scale * bGrid.scale) / cGrid.scale, Int32(cGrid.zeroPoint), Int32(cGrid.grid.min),
      Int32(cGrid.grid.max), c.base + run.start)
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

  private static func check(
    _ a: TensorView, _ b: TensorView, _ c: MutableTensorView, _ run: Run
  ) {
    precondition(
      c.element.bitWidth == 8 && a.element == c.element && b.element == c.element,
      "codes of one 8-bit type")
    let inside = { (start: Int, count: Int, all: Int) in start >= 0 && start + count <= all }
    precondition(
      run.count >= 0 && inside(run.start, run.count, c.count)
        && inside(run.a.start, run.a.moves ? run.count : min(run.count, 1), a.count)
        && inside(run.b.start, run.b.moves ? run.count : min(run.count, 1), b.count),
      "a run outside its tensors")
  }
}
