import QATCore
import QATIR

extension Where: ElementMoving {
  public func move<Bits: ReferenceInteger>(
    _ call: EvaluationCall, as: Bits.Type
  ) throws(Diagnostic) -> Tensor<Bits> {
    let condition = call[0].viewed(as: .u8).elements(as: UInt8.self) ?? []
    let x = call.tensor(1, as: Bits.self), y = call.tensor(2, as: Bits.self)
    let shape = call.shape()
    let walk = BroadcastWalk([call[0].shape, x.shape, y.shape], to: shape)
    let yes = x.elements, no = y.elements
    var result = [Bits](repeating: 0, count: shape.reduce(1, *))
    walk.forEachRow { start, starts in
      var c = starts[0], i = starts[1], j = starts[2]
      for k in start..<start + walk.rowLength {
        result[k] = condition[c] != 0 ? yes[i] : no[j]
        c += walk.rowStrides[0]
        i += walk.rowStrides[1]
        j += walk.rowStrides[2]
      }
    }
    return Tensor(shape: shape, result)
  }
}
