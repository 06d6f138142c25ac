import QATCore
import QATIR

extension ExpandLike: ElementMoving {
  public func move<Bits: ReferenceInteger>(
    _ call: EvaluationCall, as: Bits.Type
  ) throws(Diagnostic) -> Tensor<Bits> {
    let x = call.tensor(0, as: Bits.self)
    return broadcast(x.reshaped(inserting(axes, into: x.shape, of: 1)), to: call.shape())
  }

  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    guard average else { return try evaluateMoves(call) }
    switch call[0].element {
    case .f32: return [averaged(call, as: Float.self)]
    case .f64: return [averaged(call, as: Double.self)]
    default: throw call.unsupportedElement(call[0].element)
    }
  }

  private func averaged<T: ReferenceFloat>(_ call: EvaluationCall, as: T.Type) -> AnyTensor {
    let x = call.tensor(0, as: T.self), shape = call.shape()
    let copies = T(shape.reduce(1, *)) / T(max(x.count, 1))
    let shares = x.map { $0 / copies }.reshaped(inserting(axes, into: x.shape, of: 1))
    return AnyTensor(broadcast(shares, to: shape))
  }
}
