import QATCore
import QATIR

extension Gemm: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    switch call[0].element {
    case .f32: return try product(call, as: Float.self)
    case .f64: return try product(call, as: Double.self)
    case .f16, .bf16:
      return try call.inSinglePrecision { single throws(Diagnostic) in try evaluate(single) }
    case .i32: return try product(call, as: Int32.self)
    case .i64: return try product(call, as: Int64.self)
    case .u32: return try product(call, as: UInt32.self)
    case .u64: return try product(call, as: UInt64.self)
    default: throw call.unsupportedElement(call[0].element)
    }
  }

  private func product<T: ProductScalar>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    guard let alpha = T.factor(alpha), let beta = T.factor(beta) else {
      throw Diagnostic(
        .invalidAttribute,
        "alpha \(alpha) and beta \(beta) must be whole numbers for \(T.elementType.name)")
    }
    let a = call.tensor(0, as: T.self)
    let b = call.tensor(1, as: T.self)
    var y = Tensor<T>(shape: call.shape())
    multiply(
      a.elements, MatrixView(columns: a.shape[1], transposed: transA),
      b.elements, MatrixView(columns: b.shape[1], transposed: transB),
      rows: y.shape[0], inner: a.shape[transA ? 0 : 1], columns: y.shape[1], into: &y.elements)
    let columns = y.shape[1]
    let c = call.optional(2).flatMap { Tensor<T>($0) }
    // Broadcast: an axis of size 1 does not move.
    let cRow = c.map { $0.rank == 2 && $0.shape[0] > 1 ? $0.shape[1] : 0 } ?? 0
    let cColumn = c?.shape.last ?? 1 > 1 ? 1 : 0
    for index in 0..<y.count {
      let scaled = T.accumulate(.zero, alpha, y.elements[index])
      guard let c else {
        y.elements[index] = scaled
        continue
      }
      let summand = c.elements[index / columns * cRow + index % columns * cColumn]
      y.elements[index] = T.accumulate(scaled, beta, summand)
    }
    return [AnyTensor(y)]
  }
}
