import QATCore
import QATIR

extension ConvTranspose: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    let w = call.tensor(1, as: T.self)
    let bias = call.optional(2).flatMap { Tensor<T>($0) }
    var y = broadcastBias(bias, to: call.shape())
    let loops = ConvolutionLoops(self, input: x.shape, weights: w.shape)
    loops.visit { y.elements[$0] += x.elements[$1] * w.elements[$2] }
    return [AnyTensor(y)]
  }
}

extension ConvTransposeInputGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self)
    let w = call.tensor(1, as: T.self)
    var dx = Tensor<T>(shape: call.shape())
    let loops = ConvolutionLoops(forward, input: dx.shape, weights: w.shape)
    loops.visit { dx.elements[$1] += dy.elements[$0] * w.elements[$2] }
    return [AnyTensor(dx)]
  }
}

extension ConvTransposeWeightGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self)
    let x = call.tensor(1, as: T.self)
    var dw = Tensor<T>(shape: call.shape())
    let loops = ConvolutionLoops(forward, input: x.shape, weights: dw.shape)
    loops.visit { dw.elements[$2] += dy.elements[$0] * x.elements[$1] }
    return [AnyTensor(dw)]
  }
}
