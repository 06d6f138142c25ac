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
extension Pow: Executable {
  /// A square is a product; other powers are those of the C library.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let exponent = request.constant(1).flatMap { $0.elementCount == 1 ? $0.doubles?.first : nil }
    if exponent == 2, request.shape(0) == request.resultShape(), request.element(0) == .f32 {
      return elementKernel(request) { x, y in FloatLoops.binary(.multiply, x, x, y) }
    }
    return request.element(1) == .f32 ? binary(.power, request) : nil
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
    let count = Float(request.operands.count), pool = request.pool
    return Kernel(scratchByteCount: 4) { (call) throws(Diagnostic) in
      try sum.run(call)
      guard let divisor = call.scratch?.floats(at: 0, count: 1) else { return }
      divisor.write([count])
      pool.share(call.result().count) { part in
        let y = call.result()[part]
        FloatLoops.binary(.divide, y.readOnly, divisor.readOnly, y)
      }
    }
  }
}
extension Relu: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32 else { return nil }
    return elementKernel(request) { x, y in FloatLoops.unary(.relu, x, y) }
  }
}
extension ReluGradient: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32 else { return nil }
    return pairKernel(request) { dy, y, dx in FloatLoops.reluGradient(dy: dy, y: y, dx: dx) }
  }
}
extension ChannelSum: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32, request.shape(0).count > 1 else { return nil }
    let layout = CodeLayout(shape: request.shape(0), axis: axis), pool = request.pool
    if layout.inner == 1 {
      let norm = ChannelsLastBatchNorm(pixels: layout.outer, channels: layout.channels)
      return Kernel(scratchByteCount: norm.scratchByteCount) { call in
        guard let scratch = call.scratch else { return }
        norm.sums(call[0], to: call.result(), pool, scratch: scratch)
      }
    }
    return Kernel(scratchByteCount: layout.outer * layout.channels * 4) { call in
      guard let scratch = call.scratch else { return }
      FloatLoops.channelSums(
        call[0], outer: layout.outer, channels: layout.channels, inner: layout.inner, call.result(),
        pool, scratch: scratch)
    }
  }
}
extension SGD: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32 else { return nil }
    let op = self, pool = request.pool
    return Kernel { call in
      pool.share(call.result().count) { part in
        OptimizerKernels.sgd(
          w: call[0][part], gradient: call[1][part], velocity: call[2][part],
          op.step(rate: FloatLoops.scalar(call[3])), newW: call.result(0)[part],
          newVelocity: call.result(1)[part])
      }
    }
  }
}
extension SGD: OverwritesOperand {
  public func overwritableOperands(by result: Int) -> [Int] { [[0], [2]][result] }
}
extension SGD {
  func step(rate: Float) -> SGDStep {
    SGDStep(rate: rate, momentum: momentum, weightDecay: weightDecay, nesterov: nesterov)
  }
}

extension Adam: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32 else { return nil }
    let op = self, pool = request.pool
    return Kernel { call in
      pool.share(call.result().count) { part in
        OptimizerKernels.adam(
          w: call[0][part], gradient: call[1][part], m: call[2][part], v: call[3][part],
          step: FloatLoops.integer(call[4]) + 1, rate: FloatLoops.scalar(call[5]),
          beta1: op.beta1, beta2: op.beta2, epsilon: op.epsilon, weightDecay: op.weightDecay,
          decoupled: op.decoupled, newW: call.result(0)[part], newM: call.result(1)[part],
          newV: call.result(2)[part])
      }
    }
  }
}

extension Adam: OverwritesOperand {
  public func overwritableOperands(by result: Int) -> [Int] { [[0], [2], [3]][result] }
}

private func binary(_ op: FloatLoops.Binary, _ request: KernelRequest) -> Kernel? {
  guard request.element(0) == .f32 else { return nil }
  return rows(request, 0, 1) { a, b, y, rows in FloatLoops.binary(op, a, b, y, rows) }
}

/// A fold over operands of one shape.
private func folded(_ op: FloatLoops.Binary, _ request: KernelRequest) -> Kernel? {
  let indices = request.operands.indices
  guard request.element(0) == .f32,
    indices.allSatisfy({ request.shape($0) == request.resultShape() })
  else { return nil }
  let pool = request.pool
  return Kernel { call in
    pool.share(call.result().count) { part in
      let y = call.result()[part]
      if indices.count == 1 { return y.copy(from: call[0][part]) }
      FloatLoops.binary(op, call[0][part], call[1][part], y)
      for index in indices.dropFirst(2) {
        FloatLoops.binary(op, y.readOnly, call[index][part], y)
      }
    }
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
