import QATCore
import QATIR
import QATKernels

extension Gemm: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32, alpha == 1, beta == 1 || !request.isPresent(2) else {
      return nil
    }
    let a = request.shape(0), y = request.resultShape()
    let m = y[0], n = y[1], k = transA ? a[0] : a[1]
    let bias = request.isPresent(2)
    guard m * n * k > 0, !bias || request.shape(2) == [n] else { return nil }
    let pool = request.pool, precision = request.precision, transA = transA, transB = transB
    let packed = request.constant(1).map {
      PackedMatrix(k: k, n: n, constant: $0, transposed: transB)
    }
    let scratch = FloatProduct.scratchByteCount(pool, precision, operands: m * k + k * n)
    return Kernel(scratchByteCount: scratch) { call in
      guard let scratch = call.scratch else { return }
      FloatProduct.run(
        m: m, n: n, k: k, a: call[0], transposeA: transA, b: call[1], transposeB: transB,
        packed: packed, c: call.result(), columnBias: bias ? call[2] : nil, precision: precision,
        pool, scratch: scratch)
    }
  }
}

extension MatMul: Executable {
  /// Products whose batch dimensions agree, or whose second operand has none.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let a = request.shape(0), b = request.shape(1)
    guard request.element(0) == .f32, a.count >= 2, b.count >= 2,
      let k = a.last, let n = b.last, b[b.count - 2] == k, !request.resultShape().contains(0), k > 0
    else { return nil }
    let pool = request.pool, precision = request.precision
    let rows = a[a.count - 2], batch = a.dropLast(2).reduce(1, *)
    let m: Int, count: Int, steps: (a: Int, b: Int)
    if b.count == 2 {
      (m, count, steps) = (batch * rows, 1, (0, 0))
    } else if Array(a.dropLast(2)) == Array(b.dropLast(2)) {
      (m, count, steps) = (rows, batch, (rows * k, k * n))
    } else {
      return nil
    }
    let packed = request.constant(1).flatMap {
      b.count == 2 ? PackedMatrix(k: k, n: n, constant: $0, transposed: false) : nil
    }
    let scratch = FloatProduct.scratchByteCount(
      pool, precision, operands: a.reduce(1, *) + b.reduce(1, *))
    return Kernel(scratchByteCount: scratch) { call in
      guard let scratch = call.scratch else { return }
      FloatProduct.run(
        m: m, n: n, k: k, a: call[0], transposeA: false, b: call[1], transposeB: false,
        packed: packed, c: call.result(), batch: count, steps: steps, precision: precision, pool,
        scratch: scratch)
    }
  }
}

extension QGemm: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard !transA, let b = request.constant(3), request.isPresent(7), b.shape.count == 2 else {
      return nil
    }
    let y = request.resultShape(), n = y[1], k = request.shape(0)[1]
    guard
      !request.isPresent(6) || request.constant(6)?.shape == [n]
        || request.constant(6)?.shape == [1, n],
      let rule = ProductRule(
        request, scales: (1, 4, 7), zeros: (2, 5, 8), channels: n, alpha: alpha)
    else { return nil }
    return integerProduct(
      request, m: y[0], n: n, k: k, b: b, transposed: transB,
      bias: request.constant(6)?.elements(as: Int32.self), rule)
  }
}

extension QLinearMatMul: Executable {
  /// Products with a constant matrix, and stacks of products of activations.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let a = request.shape(0), y = request.resultShape()
    guard a.count >= 2, request.shape(3).count >= 2, let k = a.last, let n = y.last,
      let rule = ProductRule(request, scales: (1, 4, 6), zeros: (2, 5, 7), channels: n)
    else { return nil }
    guard let b = request.constant(3), b.shape.count == 2 else {
      return try changingProduct(request, rule)
    }
    return integerProduct(
      request, m: a.dropLast().reduce(1, *), n: n, k: k, b: b, transposed: false, bias: nil, rule)
  }

  /// Each matrix B is packed as it comes.
  private func changingProduct(
    _ request: KernelRequest, _ rule: ProductRule
  ) throws(Diagnostic) -> Kernel? {
    let stack = try BatchedProduct(request.shape(0), request.shape(3))
    let (m, n, k) = (stack.steps.height, stack.n, stack.k), steps = stack.steps.list
    guard m > 0, n > 0, k > 0, let element = request.element(3), element.bitWidth == 8 else {
      return nil
    }
    let product = IntegerProduct(
      k: k, n: n, of: element, zeros: rule.weightZeros, multipliers: rule.multipliers)
    let pool = request.pool
    return Kernel(scratchByteCount: product.scratchByteCount(m: m, pool)) { call in
      guard let scratch = call.scratch else { return }
      for (index, step) in steps.enumerated() {
        if index == 0 || step.b != steps[index - 1].b {
          product.replace(
            b: call[3].part(at: step.b * k * n, shape: [k, n]), transposed: false, scratch: scratch)
        }
        product.codes(
          m: m, a: call[0].part(at: step.a * m * k, shape: [m, k]), aZero: rule.inputZero,
          zero: rule.resultZero, range: rule.range,
          to: call.result().part(at: index * m * n, shape: [m, n]), pool, scratch: scratch)
      }
    }
  }
}

/// A product of codes [m, k] with a constant matrix, requantized.
private func integerProduct(
  _ request: KernelRequest, m: Int, n: Int, k: Int, b: AnyTensor, transposed: Bool, bias: [Int32]?,
  _ rule: ProductRule
) -> Kernel? {
  guard m > 0, n > 0, k > 0 else { return nil }
  let product = IntegerProduct(
    k: k, n: n, b: b, transposed: transposed, zeros: rule.weightZeros, bias: bias,
    multipliers: rule.multipliers)
  let pool = request.pool
  return Kernel(scratchByteCount: product.scratchByteCount(m: m, pool)) { call in
    guard let scratch = call.scratch else { return }
    product.codes(
      m: m, a: call[0], aZero: rule.inputZero, zero: rule.resultZero, range: rule.range,
      to: call.result(), pool, scratch: scratch)
  }
}
