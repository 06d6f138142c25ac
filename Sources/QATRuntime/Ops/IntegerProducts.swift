import QATCore
import QATIR

// The exact int32 accumulators, modulo 2^32, of all products of codes.

/// Of a convolution over centred codes; padding adds nothing, as its codes are the zero point.
func integerConvolution(
  _ x: [Int32], _ xShape: [Int], _ w: [Int32], _ wShape: [Int], bias: Tensor<Int32>?,
  _ window: WindowAttributes, group: Int, shape: [Int]
) -> [Int32] {
  var y = broadcastBias(bias, to: shape).elements
  let loops = ConvolutionLoops(window, group: group, input: xShape, weights: wShape)
  loops.visit { y[$1] = y[$1] &+ x[$0] &* w[$2] }
  return y
}

/// Of a product of two stacks of matrices of codes.
struct IntegerMatMul {
  /// Which parameters of a matrix differ: those of rows (the first operand's) or of columns.
  enum Kept { case rows, columns }

  let rows: Int, inner: Int, columns: Int
  private let batch: [Int]
  private let aShape: [Int], bShape: [Int]

  init(_ a: [Int], _ b: [Int], result: [Int]) {
    // A vector is a matrix of one row or of one column.
    aShape = a.count == 1 ? [1] + a : a
    bShape = b.count == 1 ? b + [1] : b
    rows = aShape[aShape.count - 2]
    inner = aShape[aShape.count - 1]
    columns = bShape[bShape.count - 1]
    batch = Array(result.dropLast((a.count > 1 ? 1 : 0) + (b.count > 1 ? 1 : 0)))
  }

  /// For each element of an operand, or of the result where there is none, the offset of its scale or
  /// zero point among those of this shape: one, a list of one a row or column, or a stack of those.
  func offsets(of parameters: AnyTensor, _ kept: Kept, in operand: AnyTensor? = nil) -> [Int] {
    let isList = parameters.shape.count == 1 && parameters.elementCount > 1
    return broadcastOffsets(
      isList && kept == .rows ? parameters.shape + [1] : parameters.shape,
      to: operand?.shape ?? batch + [rows, columns])
  }

  func callAsFunction<T: ProductScalar>(_ a: [T], _ b: [T]) -> [T] {
    let count = batch.reduce(1, *)
    var y = Array(repeating: T.zero, count: count * rows * columns)
    let matricesA = broadcastOffsets(Array(aShape.dropLast(2)), to: batch)
    let matricesB = broadcastOffsets(Array(bShape.dropLast(2)), to: batch)
    for matrix in 0..<count {
      var viewA = MatrixView(columns: inner), viewB = MatrixView(columns: columns)
      viewA.offset = matricesA[matrix] * rows * inner
      viewB.offset = matricesB[matrix] * inner * columns
      multiply(
        a, viewA, b, viewB, rows: rows, inner: inner, columns: columns, into: &y,
        at: matrix * rows * columns)
    }
    return y
  }

  /// The codes of an operand minus their zero points, which may be absent.
  func centred(
    _ codes: AnyTensor, _ zeroPoints: AnyTensor?, _ kept: Kept
  ) -> [Int32] {
    let list = codes.integers ?? []
    guard let zeroPoints, let zeros = zeroPoints.integers else { return list.map(Int32.init) }
    return zip(list, offsets(of: zeroPoints, kept, in: codes)).map { Int32($0 - zeros[$1]) }
  }
}
