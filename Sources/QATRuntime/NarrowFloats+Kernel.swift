import QATCore
import QATIR
import QATKernels

extension Executable {
  /// The kernel for these types; for floats of 16 bits that of Float, between conversions.
  func kernelWideningFloats(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    if let kernel = try kernel(for: request) { return kernel }
    guard self is any WidensFloats, (request.operands + request.results).contains(where: isHalf)
    else { return nil }
    return try kernel(for: request.widened).map { $0.converting(request) }
  }
}

private func isHalf(_ type: TensorType?) -> Bool { type?.element == .f16 || type?.element == .bf16 }

extension KernelRequest {
  /// The same for Float in place of floats of 16 bits.
  fileprivate var widened: KernelRequest {
    KernelRequest(
      operands: operands.map { $0?.widened }, results: results.map { $0?.widened },
      constants: constants.map { $0?.widened }, pool: pool)
  }
}

extension Kernel {
  /// A kernel of floats that is fed from, and written to, the types of a request.
  fileprivate func converting(_ request: KernelRequest) -> Kernel {
    // What is converted lies in the scratch memory, one tensor after the other in whole lines of a
    // cache, the kernel's own behind them. Constants are converted now.
    var byteCount = 0
    func place(_ type: TensorType?) -> Int? {
      guard let type, isHalf(type), let sizes = type.shape?.sizes else { return nil }
      defer { byteCount += (sizes.reduce(1, *) * 4 + 63) / 64 * 64 }
      return byteCount
    }
    let constants = request.constants.map { constant in
      isHalf(constant?.type) ? constant.map { TensorView($0.widened) } : nil
    }
    let sources = request.operands.indices.map { index in
      request.constant(index) == nil ? place(request.operands[index]) : nil
    }
    let targets = request.results.map(place)
    let start = byteCount, own = scratchByteCount
    return Kernel(scratchByteCount: start + own) { (call) throws(Diagnostic) in
      guard let scratch = call.scratch else { return }
      func floats(_ place: Int, _ shape: [Int]) -> MutableTensorView {
        scratch.floats(at: place / 4, count: shape.reduce(1, *)).part(at: 0, shape: shape)
      }
      var operands = call.operands, results = call.results
      for (index, operand) in call.operands.enumerated() {
        if let constant = constants[index] { operands[index] = constant }
        guard let operand, let place = sources[index] else { continue }
        let wide = floats(place, operand.shape)
        HalfKernels.widen(operand, wide)
        operands[index] = wide.readOnly
      }
      for (index, result) in call.results.enumerated() {
        if let result, let place = targets[index] { results[index] = floats(place, result.shape) }
      }
      let rest = own > 0 ? scratch.part(at: start, shape: [own]) : nil
      try run(KernelCall(operands: operands, results: results, scratch: rest))
      for (index, result) in call.results.enumerated() where targets[index] != nil {
        if let result, let wide = results[index] { HalfKernels.round(wide.readOnly, result) }
      }
    }
  }
}
