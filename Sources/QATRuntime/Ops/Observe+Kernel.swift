import QATCore
import QATIR
import QATKernels

extension Observe: Executable {
  /// Reads the batch where it lies; only the state, which is small, is copied.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard training else {
      return Kernel { call in
        for (state, result) in zip(call.operands.dropFirst(), call.results) {
          if let state { result?.copy(from: state) }
        }
      }
    }
    guard request.element(0) == .f32 else { return nil }
    let layout = try self.layout(of: request.shape(0)), op = self, pool = request.pool
    return Kernel { (call) throws(Diagnostic) in
      let old = call.operands.dropFirst().prefix(call.results.count).map {
        $0.map { AnyTensor(copying: $0) }
      }
      let next = try op.next(ObserverState(old), layout, call[0], pool)
      for (result, tensor) in zip(call.results, next.tensors(like: old.compactMap { $0 })) {
        result?.write(tensor)
      }
    }
  }
}
