import QATCore
import QATIR

extension NonZero: ShapedByData {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let x = call[0], strides = rowMajorStrides(x.shape)
    guard let places = Self.places(x) else { throw call.unsupportedElement(x.element) }
    let rows = zip(x.shape, strides).map { size, stride in
      places.map { Int64($0 / stride % size) }
    }
    return [AnyTensor(shape: [x.shape.count, places.count], rows.flatMap { $0 })]
  }
}
