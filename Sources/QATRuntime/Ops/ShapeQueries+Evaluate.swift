import QATCore
import QATIR

// Operations whose result follows from shapes and attributes alone.

extension ShapeOp: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let sizes = call[0].shape[axes(rank: call[0].shape.count)]
    return [AnyTensor(shape: [sizes.count], sizes.map(Int64.init))]
  }
}

extension Size: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    [AnyTensor(Int64(call[0].elementCount))]
  }
}

extension Constant: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    guard let tensor else { throw call.unsupportedElement(.string) }
    return [tensor]
  }
}

extension ConstantOfShape: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let shape = call.shape()
    let one = value ?? AnyTensor(Float(0))
    return [one.taking(Array(repeating: 0, count: shape.reduce(1, *)), shape: shape)]
  }
}
