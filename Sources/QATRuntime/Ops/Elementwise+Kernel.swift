import QATCore
import QATIR
import QATKernels

extension Add: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    binary(.add, request)
  }
}
extension Sub: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    binary(.subtract, request)
  }
}
extension Mul: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    binary(.multiply, request)
  }
}
extension Div: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    binary(.divide, request)
  }
}
extension PRelu: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    binary(.prelu, request)
  }
}
extension Max: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    folded(.maximum, request)
  }
}
extension Min: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    folded(.minimum, request)
  }
}
extension Sum: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    folded(.add, request)
  }
}
extension Mean: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard let sum = folded(.add, request) else { return nil }
    let count = Float(request.operands.count)
    return Kernel(scratchByteCount: 4) { (call) throws(Diagnostic) in
      try sum.run(call)
      guard let divisor = call.scratch?.floats(at: 0, count: 1) else { return }
      divisor.write([count])
      FloatLoops.binary(.divide, call.result().readOnly, divisor.readOnly, call.result())
    }
  }
}
extension Relu: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32 else { return nil }
    return Kernel { call in FloatLoops.unary(.relu, call[0], call.result()) }
  }
}
extension ReluGradient: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32 else { return nil }
    return Kernel { call in FloatLoops.reluGradient(dy: call[0], y: call[1], dx: call.result()) }
  }
}
extension ChannelSum: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32, request.shape(0).count > 1 else { return nil }
    let layout = CodeLayout(shape: request.shape(0), axis: axis)
    if layout.inner == 1 {
      let norm = ChannelsLastBatchNorm(pixels: layout.outer, channels: layout.channels)
      let pool = request.pool
      return Kernel(scratchByteCount: norm.scratchByteCount) { call in
        guard let scratch = call.scratch else { return }
        norm.sums(call[0], to: call.result(), pool, scratch: scratch)
      }
    }
    return Kernel(scratchByteCount: layout.outer * layout.channels * 4) { call in
      guard let scratch = call.scratch else { return }
      FloatLoops.channelSums(
        call[0], outer: layout.outer, channels: layout.channels, inner: layout.inner, call.result(),
        scratch: scratch)
    }
  }
}
extension SGD: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32 else { return nil }
    let op = self
    return Kernel { call in
      OptimizerKernels.sgd(
        w: call[0], gradient: call[1], velocity: call[2], rate: FloatLoops.scalar(call[3]),
        momentum: op.momentum, nesterov: op.nesterov, weightDecay: op.weightDecay,
        newW: call.result(0), newVelocity: call.result(1))
    }
  }
}
extension Adam: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32 else { return nil }
    let op = self
    return Kernel { call in
      OptimizerKernels.adam(
        w: call[0], gradient: call[1], m: call[2], v: call[3],
        step: FloatLoops.integer(call[4]) + 1,
        rate: FloatLoops.scalar(call[5]), beta1: op.beta1, beta2: op.beta2, epsilon: op.epsilon,
        weightDecay: op.weightDecay, decoupled: op.decoupled, newW: call.result(0),
        newM: call.result(1), newV: call.result(2))
    }
  }
}

private func binary(_ op: FloatLoops.Binary, _ request: KernelRequest) -> Kernel? {
  guard request.element(0) == .f32 else { return nil }
  return rows(request, 0, 1) { a, b, y in FloatLoops.binary(op, a, b, y) }
}

/// A fold over operands of one shape.
private func folded(_ op: FloatLoops.Binary, _ request: KernelRequest) -> Kernel? {
  let indices = request.operands.indices
  guard request.element(0) == .f32,
    indices.allSatisfy({ request.shape($0) == request.resultShape() })
  else { return nil }
  return Kernel { call in
    let y = call.result()
    if indices.count == 1 { return y.copy(from: call[0]) }
    FloatLoops.binary(op, call[0], call[1], y)
    for index in indices.dropFirst(2) { FloatLoops.binary(op, y.readOnly, call[index], y) }
  }
}

extension Reshape: SharesBytes {}
extension Flatten: SharesBytes {}
extension Squeeze: SharesBytes {}
extension Unsqueeze: SharesBytes {}
extension ReshapeLike: SharesBytes {}
extension Identity: SharesBytes {}
extension FakeQuantize: SharesBytes {
  public func sharesBytes(from operand: [Int], to result: [Int]) -> Bool { bypass }
}
