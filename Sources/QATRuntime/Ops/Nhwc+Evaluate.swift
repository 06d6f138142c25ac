import QATCore
import QATIR

extension NhwcQLinearConv: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    guard channelsLast else { return try channelsFirst.evaluate(call) }
    return try call.channelsFirst(channelsFirst.evaluate)
  }
}

extension NhwcMaxPool: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    try call.channelsFirst(channelsFirst.evaluate)
  }
}

extension EvaluationCall {
  /// Evaluates an operation on [N, C, spatial...] for an operand and a result [N, spatial..., C].
  func channelsFirst(
    _ evaluate: (EvaluationCall) throws(Diagnostic) -> [AnyTensor]
  ) throws(Diagnostic) -> [AnyTensor] {
    let rank = shape().count
    guard rank > 2 else { return try evaluate(self) }
    let first = [0, rank - 1] + (1..<rank - 1), last = [0] + (2..<rank) + [1]
    func permuted(_ tensor: AnyTensor, _ order: [Int]) throws(Diagnostic) -> AnyTensor {
      try ReferenceEvaluator.evaluate(Transpose(perm: order), [tensor], resultCount: 1)[0]
    }
    let type = TensorType(resultTypes[0].element, Shape(first.map { shape()[$0] }))
    let result = try evaluate(
      EvaluationCall(
        operands: [try permuted(self[0], first)] + operands.dropFirst(), resultTypes: [type]))
    return [try permuted(result[0], last)]
  }
}

extension NhwcQLinearConvAdd: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let own = TensorType(call[7].element, Shape(call.shape()))
    let product = try convolution.evaluate(
      EvaluationCall(operands: Array(call.operands.prefix(9)), resultTypes: [own]))[0]
    let mine: [AnyTensor?] = [product, call[6], call[7]], others = Array(call.operands[9..<12])
    return try QLinearAdd().evaluate(
      EvaluationCall(
        operands: (sumFirst ? others + mine : mine + others) + call.operands[12..<14],
        resultTypes: call.resultTypes))
  }
}
