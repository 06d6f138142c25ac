import QATCore
import QATIR
import QATKernels

extension LearnedQuantizeGradient: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let shape = request.shape(1), layout = CodeLayout(shape: shape, axis: axis)
    // Groups are rare, and of weights: the reference serves them.
    guard request.element(1) == .f32, request.shape(0) == shape, blockSize == 0 else { return nil }
    let op = self
    let factor = gradientScale(
      elements: layout.outer * layout.inner, samples: shape.first ?? 1)
    let range = Int32(grid.min)...Int32(grid.max), pool = request.pool
    return Kernel(scratchByteCount: LearnedKernels.scratchByteCount(layout)) { call in
      guard let scratch = call.scratch else { return }
      LearnedKernels.gradient(
        layout, op.method, dy: call[0], x: call[1], scale: call[2], zero: call[3], range: range,
        positive: op.positive, factor: factor, dx: call.result(), dScale: call.results[1],
        dOffset: call.results[2], pool, scratch: scratch)
    }
  }
}

extension LearnedQuantizeGradient: OverwritesOperand {
  public func overwritableOperands(by result: Int) -> [Int] { result == 0 ? [0] : [] }
}

extension LearnRange: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32, blockSize == 0 else { return nil }
    let layout = CodeLayout(shape: request.shape(0), axis: axis), op = self
    return Kernel(scratchByteCount: LearnedKernels.scratchByteCount(layout)) { call in
      guard let scratch = call.scratch else { return }
      let seen = FloatLoops.integer(call[4])
      call.result(3).copy(from: call[4])
      if op.training { FloatLoops.setInteger(seen &+ 1, call.result(3)) }
      guard op.follows(after: seen) else {
        for index in 0..<3 { call.result(index).copy(from: call[index + 1]) }
        return
      }
      LearnedKernels.follow(
        layout, op.quantizer, share: op.share(after: seen), x: call[0], parameter: call[1],
        shift: call[2], newParameter: call.result(0), newShift: call.result(1), scratch: scratch)
      call.result(2).copy(from: call.result(0).readOnly)
    }
  }
}
