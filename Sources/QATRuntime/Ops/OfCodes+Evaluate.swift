import QATCore
import QATIR
import QATKernels

extension OfCodes: Evaluable where Base: Evaluable {
  /// The operation on the numbers that the codes stand for.
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let count = Base.operands.count
    var operands = Array(call.operands.prefix(count))
    operands[Base.codesOperand] = try ReferenceEvaluator.evaluate(
      DequantizeCodes(), [call[Base.codesOperand], call[count], call[count + 1]], resultCount: 1)[0]
    return try base.evaluate(EvaluationCall(operands: operands, resultTypes: call.resultTypes))
  }
}

/// An operation with a kernel for codes in the place of floats.
private protocol ExecutableOfCodes: TakesCodes {
  /// The kernel for these types, or `nil` where there is none for them.
  func codesKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel?
}

extension OfCodes: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    try (base as? any ExecutableOfCodes)?.codesKernel(for: request)
  }
}

extension OfCodes: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    (base as? any CountsMultiplyAdds)?.multiplyAdds(request) ?? 0
  }
}

extension OfCodes {
  /// The codes of a call, whose scale and zero point follow the operands of the operation.
  fileprivate static func codes(_ call: KernelCall) -> ScaledCodes {
    let count = Base.operands.count
    return ScaledCodes(
      call[Base.codesOperand], scale: FloatLoops.scalar(call[count]),
      zero: FloatLoops.code(call[count + 1]))
  }
}

extension Gemm: ExecutableOfCodes {
  func codesKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let a = request.shape(0), y = request.resultShape()
    let m = y[0], n = y[1], k = transA ? a[0] : a[1], bias = request.isPresent(2)
    guard ofCodes != nil, request.precision == .f32, m * n * k > 0,
      !bias || request.shape(2) == [n]
    else { return nil }
    let pool = request.pool, transA = transA
    return Kernel(scratchByteCount: FloatProduct.scratchByteCount(pool)) { call in
      guard let scratch = call.scratch else { return }
      FloatProduct.run(
        m: m, n: n, k: k, a: call[0], transposeA: transA, b: OfCodes<Gemm>.codes(call),
        c: call.result(), columnBias: bias ? call[2] : nil, pool, scratch: scratch)
    }
  }
}

extension Nhwc: ExecutableOfCodes where Base == ConvWeightGradient {
  func codesKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard base.group == 1, request.precision == .f32,
      let shape = convolutionShape(
        base.window, group: 1, x: channelsFirst(request.shape(1)), w: request.shape(2),
        y: channelsFirst(request.shape(0)))
    else { return nil }
    let convolution = ChannelsLastConvolution(shape), pool = request.pool
    return Kernel(scratchByteCount: convolution.codesScratchByteCount(pool)) { call in
      guard let scratch = call.scratch else { return }
      convolution.weightGradient(
        dy: call[0], x: OfCodes<Nhwc<ConvWeightGradient>>.codes(call), dw: call.result(), pool,
        scratch: scratch)
    }
  }
}
