import QATCore
import QATIR
import QATKernels

extension MatMulInteger: Executable {
  /// Products with a constant matrix; the zero point of the activations may change from run to run.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let a = request.shape(0), y = request.resultShape()
    guard let b = request.constant(1), b.shape.count == 2, a.count >= 2, let k = a.last,
      let n = y.last, k > 0, !y.contains(0), let zero = InputZero(request),
      let zeros = WeightZeros(request, channels: n)
    else { return nil }
    let m = a.dropLast().reduce(1, *), pool = request.pool
    let product = IntegerProduct(k: k, n: n, b: b, transposed: false, zeros: zeros.list)
    return Kernel(scratchByteCount: product.scratchByteCount(m: m, pool)) { call in
      guard let scratch = call.scratch else { return }
      product.sums(
        m: m, a: call[0], aZero: zero.code(call), to: call.result(), pool, scratch: scratch)
    }
  }
}

extension ConvInteger: Executable {
  /// Two-dimensional convolutions with constant weights.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard let w = request.constant(1),
      let shape = convolutionShape(
        window, group: group, x: request.shape(0), w: w.shape, y: request.resultShape()),
      let zero = InputZero(request), let zeros = WeightZeros(request, channels: shape.outChannels)
    else { return nil }
    let pool = request.pool
    let convolution = IntegerConvolution(shape, w: w, weightZeros: zeros.list)
    return Kernel(scratchByteCount: convolution.sumScratchByteCount(pool)) { call in
      guard let scratch = call.scratch else { return }
      convolution.sums(
        x: call[0], xZero: zero.code(call), y: call.result(), pool, scratch: scratch)
    }
  }
}

/// The zero point of the activations, operand 2: one, absent for 0.
private struct InputZero {
  private let isPresent: Bool

  init?(_ request: KernelRequest) {
    isPresent = request.isPresent(2)
    guard !isPresent || request.shape(2).reduce(1, *) == 1 else { return nil }
  }

  func code(_ call: KernelCall) -> Int32 {
    isPresent ? QuantizationKernels.code(call[2]) : 0
  }
}

/// The constant zero points of the weights, operand 3: one a channel, `nil` where all are 0.
private struct WeightZeros {
  let list: [Int32]?

  init?(_ request: KernelRequest, channels: Int) {
    guard request.isPresent(3) else {
      list = nil
      return
    }
    guard let zeros = request.constant(3)?.integers, [1, channels].contains(zeros.count) else {
      return nil
    }
    list =
      zeros.allSatisfy { $0 == 0 }
      ? nil : (0..<channels).map { Int32(zeros[zeros.count == 1 ? 0 : $0]) }
  }
}
