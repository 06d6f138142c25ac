import QATCore
import QATIR
import QATKernels

// The steps run again with their gates kept, then back; what does not go from step to step is one
// product of all steps: the gradients of the weights and of the input.

extension RecurrentGradient: Executable {
  /// Of LSTMs and GRUs that have a kernel themselves.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let seeds = Base.results.count
    guard let cell = try cell(request), request.element(seeds) == .f32,
      !request.shape(seeds).contains(0), !request.shape(seeds + 2).contains(0)
    else { return nil }
    let plan = RecurrentGradientPlan(cell, request, base), pool = request.pool
    return Kernel(scratchByteCount: plan.scratchByteCount(pool)) { call throws(Diagnostic) in
      guard let scratch = call.scratch else { return }
      let lengths = try plan.sizes.lengths(call.optional(seeds + 4)?.int32s.map { Int($0) })
      // Peepholes, which no kernel has.
      for index in plan.floats.indices where plan.floats[index] > 6 { call.results[index]?.clear() }
      for direction in 0..<plan.sizes.directions {
        plan.run(direction, lengths, call, pool, scratch: scratch)
      }
    }
  }

  private func cell(
    _ request: KernelRequest
  ) throws(Diagnostic) -> RecurrentStepKernel.Cell? {
    switch base as any Recurrent {
    case let lstm as LSTM:
      guard !lstm.couplesForget, !request.isPresent(Base.results.count + 7),
        try lstm.usesActivations([.sigmoid, .tanh, .tanh])
      else { return nil }
      return .lstm
    case let gru as GRU:
      guard try gru.usesActivations([.sigmoid, .tanh]) else { return nil }
      return .gru(scalesProduct: gru.resetsProduct)
    default: return nil
    }
  }
}
