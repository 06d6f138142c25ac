import QATCore
import QATIR

extension Nhwc: Evaluable where Base: Evaluable {
  /// Transposes around the operation itself.
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    var operands = call.operands, types = call.resultTypes
    for index in Base.imageOperands where index < operands.count {
      operands[index] = try operands[index].map { (x) throws(Diagnostic) in
        try x.permuted { [0, $0 - 1] + (1..<$0 - 1) }
      }
    }
    for index in Base.imageResults where index < types.count {
      types[index] = types[index].channelsFirst
    }
    var results = try base.evaluate(EvaluationCall(operands: operands, resultTypes: types))
    for index in Base.imageResults where index < results.count {
      results[index] = try results[index].permuted { [0] + (2..<$0) + [1] }
    }
    return results
  }
}

extension AnyTensor {
  /// Axes in the order that `order` gives for a rank above 2.
  fileprivate func permuted(_ order: (Int) -> [Int]) throws(Diagnostic) -> AnyTensor {
    guard shape.count > 2 else { return self }
    let transpose = Transpose(perm: order(shape.count))
    return try ReferenceEvaluator.evaluate(transpose, [self], resultCount: 1)[0]
  }
}

extension QLinearConvAdd: Evaluable {
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
