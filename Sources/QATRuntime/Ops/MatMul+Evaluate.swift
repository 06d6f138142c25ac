import QATCore
import QATIR

extension MatMul: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    switch call[0].element {
    case .f32: return product(call, as: Float.self)
    case .f64: return product(call, as: Double.self)
    case .f16, .bf16:
      return try call.inSinglePrecision { single throws(Diagnostic) in try evaluate(single) }
    case .i32: return product(call, as: Int32.self)
    case .i64: return product(call, as: Int64.self)
    case .u32: return product(call, as: UInt32.self)
    case .u64: return product(call, as: UInt64.self)
    default: throw call.unsupportedElement(call[0].element)
    }
  }

  private func product<T: ProductScalar>(_ call: EvaluationCall, as: T.Type) -> [AnyTensor] {
    let a = call.tensor(0, as: T.self)
    let b = call.tensor(1, as: T.self)
    // A vector is a matrix of one row or of one column.
    let shapeA = a.rank == 1 ? [1] + a.shape : a.shape
    let shapeB = b.rank == 1 ? b.shape + [1] : b.shape
    let rows = shapeA[shapeA.count - 2]
    let inner = shapeA[shapeA.count - 1]
    let columns = shapeB[shapeB.count - 1]
    var y = Tensor<T>(shape: call.shape())
    let batch = Array(y.shape.dropLast((a.rank > 1 ? 1 : 0) + (b.rank > 1 ? 1 : 0)))
    let matricesA = broadcastOffsets(Array(shapeA.dropLast(2)), to: batch)
    let matricesB = broadcastOffsets(Array(shapeB.dropLast(2)), to: batch)
    for matrix in matricesA.indices {
      var viewA = MatrixView(columns: inner)
      var viewB = MatrixView(columns: columns)
      viewA.offset = matricesA[matrix] * rows * inner
      viewB.offset = matricesB[matrix] * inner * columns
      multiply(
        a.elements, viewA, b.elements, viewB, rows: rows, inner: inner, columns: columns,
        into: &y.elements, at: matrix * rows * columns)
    }
    return [AnyTensor(y)]
  }
}
