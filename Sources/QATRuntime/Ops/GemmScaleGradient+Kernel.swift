import QATCore
import QATIR
import QATKernels

extension GemmScaleGradient: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let (m, k, n) = (request.shape(3)[0], request.shape(3)[1], request.shape(0)[1])
    guard m * k * n > 0 else { return nil }
    let product = ScaleGradientProduct(k: k, n: n)
    let factor = quantizer.gradientScale(elements: m * k, samples: m)
    let range = Int32(grid.min)...Int32(grid.max), pool = request.pool, transB = transB
    return Kernel(scratchByteCount: product.scratchByteCount(m: m, pool)) { call in
      guard let scratch = call.scratch else { return }
      let sum = product.run(
        m: m, dy: call[0], b: call[1], transposed: transB, bScale: call[2], x: call[3],
        scale: FloatLoops.scalar(call[4]), zero: FloatLoops.code(call[5]), range: range, pool,
        scratch: scratch)
      call.result().write(AnyTensor(Float(factor * sum)))
    }
  }
}
