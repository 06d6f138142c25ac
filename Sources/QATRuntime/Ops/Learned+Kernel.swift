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

extension LearnedSGD: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let layout = CodeLayout(shape: request.shape(0), axis: axis)
    guard layout.outer == 1 else { return nil }
    let factor = quantizer.gradientScale(
      elements: layout.inner, samples: request.shape(0).first ?? 1)
    let range = Int32(grid.min)...Int32(grid.max), sgd = sgd, pool = request.pool
    return Kernel(scratchByteCount: LearnedKernels.scratchByteCount(layout)) { call in
      guard let scratch = call.scratch else { return }
      LearnedKernels.sgd(
        layout, sgd.step(rate: FloatLoops.scalar(call[3])), w: call[0], dy: call[1],
        velocity: call[2], scale: call[4], zero: call[5], range: range, factor: factor,
        newW: call.result(0), newVelocity: call.result(1), dScale: call.result(2), pool,
        scratch: scratch)
    }
  }
}

extension LearnedSGD: OverwritesOperand {
  public func overwritableOperands(by result: Int) -> [Int] { [[0], [2], []][result] }
}

extension ScaleDerivative: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let shape = request.shape(0)
    let factor = Float(
      quantizer.gradientScale(elements: shape.reduce(1, *), samples: shape.first ?? 1))
    let range = Int32(grid.min)...Int32(grid.max), pool = request.pool
    return Kernel { call in
      LearnedKernels.scaleDerivative(
        x: call[0], scale: FloatLoops.scalar(call[1]), zero: FloatLoops.code(call[2]),
        range: range, factor: factor, y: call.result(), pool)
    }
  }
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
