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
    // What is converted lies in the scratch memory, the kernel's own behind it. Constants are converted
    // now.
    var layout = ScratchLayout()
    func place(_ type: TensorType?) -> ScratchLayout.Part? {
      guard let type, isHalf(type), let sizes = type.shape?.sizes else { return nil }
      return layout.add(.f32, sizes)
    }
    let constants = request.constants.map { constant in
      isHalf(constant?.type) ? constant.map { TensorView($0.widened) } : nil
    }
    let sources = request.operands.indices.map { index in
      request.constant(index) == nil ? place(request.operands[index]) : nil
    }
    let targets = request.results.map(place)
    let own = scratchByteCount > 0 ? layout.add(byteCount: scratchByteCount) : nil
    return Kernel(scratchByteCount: layout.byteCount) { (call) throws(Diagnostic) in
      guard let scratch = call.scratch else { return }
      var operands = call.operands, results = call.results
      for (index, operand) in call.operands.enumerated() {
        if let constant = constants[index] { operands[index] = constant }
        guard let operand, let place = sources[index] else { continue }
        let wide = scratch[place]
        HalfKernels.widen(operand, wide)
        operands[index] = wide.readOnly
      }
      for (index, result) in call.results.enumerated() {
        if result != nil, let place = targets[index] { results[index] = scratch[place] }
      }
      try run(KernelCall(operands: operands, results: results, scratch: own.map { scratch[$0] }))
      for (index, result) in call.results.enumerated() where targets[index] != nil {
        if let result, let wide = results[index] { HalfKernels.round(wide.readOnly, result) }
      }
    }
  }
}
