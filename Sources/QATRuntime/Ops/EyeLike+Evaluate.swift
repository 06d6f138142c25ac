import QATCore
import QATIR

extension EyeLike: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let shape = call.shape(), columns = shape[1]
    let isOne = (0..<shape[0] * columns).map { index in
      index % columns - index / columns == k
    }
    switch call.resultTypes[0].element {
    case .f32: return [AnyTensor(shape: shape, isOne.map { $0 ? 1 : 0 } as [Float])]
    case .f64: return [AnyTensor(shape: shape, isOne.map { $0 ? 1 : 0 } as [Double])]
    case .bool: return [AnyTensor(shape: shape, isOne)]
    case let element where element.isInteger:
      return [AnyTensor(element, shape: shape, integers: isOne.map { $0 ? 1 : 0 })]
    case let element: throw call.unsupportedElement(element)
    }
  }
}
