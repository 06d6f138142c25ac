import QATCore
import QATIR
import QATKernels

extension ClipGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let low = call.optional(2)?.elements(as: T.self)?.first ?? -.infinity
    let high = call.optional(3)?.elements(as: T.self)?.first ?? .infinity
    let dy = call.tensor(0, as: T.self), x = call.tensor(1, as: T.self)
    return [AnyTensor(broadcast(dy, x, to: call.shape()) { dy, x in x < low || x > high ? 0 : dy })]
  }
}

extension ClipGradient: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let low = request.constant(2)?.elements(as: Float.self)?.first
    let high = request.constant(3)?.elements(as: Float.self)?.first
    guard request.element(0) == .f32, low != nil || !request.isPresent(2),
      high != nil || !request.isPresent(3)
    else { return nil }
    return pairKernel(request) { dy, x, dx in
      FloatLoops.clipGradient(
        dy: dy, x: x, low: low ?? -.infinity, high: high ?? .infinity, dx: dx)
    }
  }
}
