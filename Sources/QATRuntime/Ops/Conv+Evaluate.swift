import QATCore
import QATIR

extension Conv: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    let w = call.tensor(1, as: T.self)
    let bias = call.optional(2).flatMap { Tensor<T>($0) }
    var y = broadcastBias(bias, to: call.shape())
    let loops = ConvolutionLoops(window, group: group, input: x.shape, weights: w.shape)
    loops.visit { y.elements[$1] += x.elements[$0] * w.elements[$2] }
    return [AnyTensor(y)]
  }
}

extension ConvInputGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self)
    let w = call.tensor(1, as: T.self)
    var dx = Tensor<T>(shape: call.shape())
    let loops = ConvolutionLoops(window, group: group, input: dx.shape, weights: w.shape)
    loops.visit { dx.elements[$0] += dy.elements[$1] * w.elements[$2] }
    return [AnyTensor(dx)]
  }
}

extension ConvWeightGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self)
    let x = call.tensor(1, as: T.self)
    var dw = Tensor<T>(shape: call.shape())
    let loops = ConvolutionLoops(window, group: group, input: x.shape, weights: dw.shape)
    loops.visit { dw.elements[$2] += dy.elements[$1] * x.elements[$0] }
    return [AnyTensor(dw)]
  }
}

extension ChannelSum: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    let axis = try checkedAxis(axis, rank: x.rank)
    let size = x.shape[axis]
    let inner = x.shape[(axis + 1)...].reduce(1, *)
    var sums = Tensor<T>(shape: [size])
    for index in 0..<x.count { sums.elements[index / inner % size] += x.elements[index] }
    return [AnyTensor(sums)]
  }
}
