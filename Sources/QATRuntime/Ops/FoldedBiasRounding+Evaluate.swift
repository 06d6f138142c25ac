import QATCore
import QATIR
import QATKernels

extension FoldedBiasRounding: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let vectors = (0...5).map { call.tensor($0, as: T.self).elements }
    let delta = delta(vectors, own: call.optional(6)?.elements(as: T.self))
    return [AnyTensor(shape: call.shape(), delta)]
  }

  /// - Parameter operands: the first six.
  private func delta<T: ReferenceFloat>(_ operands: [[T]], own: [T]?) -> [T] {
    let (gamma, beta, mean) = (operands[0], operands[1], operands[2])
    let xScale = operands[4][0]
    let k = zip(gamma, operands[3]).map { $0 / ($1 + T(epsilon)).squareRoot() }
    let steps = zip(operands[5], k).map { $0 * abs($1) }
    let largest = steps.max().flatMap { $0 > 0 ? $0 : nil } ?? 1
    return k.indices.map { c -> T in
      if bypass { return 0 }
      let b = ((own?[c] ?? 0) - mean[c]) * k[c] + beta[c]
      let step = xScale * (steps[c] > 0 ? steps[c] : largest)
      return (b / step).rounded(.toNearestOrEven) * step - b
    }
  }
}

extension FoldedBiasRounding: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.operands.allSatisfy({ $0 == nil || $0?.element == .f32 }) else { return nil }
    let op = self
    return Kernel { call in
      call.result().write(op.delta((0...5).map { call[$0].floats }, own: call.optional(6)?.floats))
    }
  }
}
