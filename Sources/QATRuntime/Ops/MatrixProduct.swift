import QATCore
import QATIR

/// What matrix products compute on: floats, and integers modulo 2^32 or 2^64.
protocol ProductScalar: TensorScalar {
  /// `sum + a * b`.
  static func accumulate(_ sum: Self, _ a: Self, _ b: Self) -> Self
  /// The factor in this type, `nil` where it is no number of it.
  static func factor(_ factor: Float) -> Self?
}

extension ProductScalar where Self: BinaryFloatingPoint {
  static func accumulate(_ sum: Self, _ a: Self, _ b: Self) -> Self { sum + a * b }
  static func factor(_ factor: Float) -> Self? { Self(factor) }
}
extension ProductScalar where Self: FixedWidthInteger {
  static func accumulate(_ sum: Self, _ a: Self, _ b: Self) -> Self { sum &+ a &* b }
  static func factor(_ factor: Float) -> Self? { Self(exactly: factor) }
}

extension Float: ProductScalar {}
extension Double: ProductScalar {}
extension Int32: ProductScalar {}
extension Int64: ProductScalar {}
extension UInt32: ProductScalar {}
extension UInt64: ProductScalar {}

/// A matrix within a tensor's elements, or its transpose.
struct MatrixView {
  var offset = 0
  var rowStride: Int
  var columnStride: Int

  /// A row-major matrix with that many columns in memory.
  init(columns: Int, transposed: Bool = false) {
    rowStride = transposed ? 1 : columns
    columnStride = transposed ? columns : 1
  }

  func index(_ row: Int, _ column: Int) -> Int {
    offset + row * rowStride + column * columnStride
  }
}

/// Writes the product of a [rows, inner] and an [inner, columns] matrix, row-major, from `offset`
/// on.
func multiply<T: ProductScalar>(
  _ a: [T], _ viewA: MatrixView, _ b: [T], _ viewB: MatrixView, rows: Int, inner: Int,
  columns: Int, into y: inout [T], at offset: Int = 0
) {
  for row in 0..<rows {
    for column in 0..<columns {
      var sum = T.zero
      for k in 0..<inner {
        sum = T.accumulate(sum, a[viewA.index(row, k)], b[viewB.index(k, column)])
      }
      y[offset + row * columns + column] = sum
    }
  }
}
