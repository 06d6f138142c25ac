import QATCore
import QATIR

extension Trilu: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let shape = call.shape(), k = call.optional(1)?.integers?.first ?? 0
    let columns = shape[shape.count - 1], rows = shape[shape.count - 2]
    let offsets = (0..<shape.reduce(1, *)).map { index in
      keeps(row: index / columns % rows, column: index % columns, k: k) ? index : -1
    }
    return [call[0].taking(offsets, shape: shape)]
  }
}
