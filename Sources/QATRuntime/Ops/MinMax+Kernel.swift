import QATCore
import QATIR
import QATKernels

extension MinMax: Executable {
  /// Of whole channels.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32, blockSize == 0 else { return nil }
    let layout = CodeLayout(shape: request.shape(0), axis: axis), pool = request.pool
    return Kernel { call in
      let (low, high) = ObserverKernels.ranges(layout, call[0], pool)
      call.result(0).write(AnyTensor(shape: call.result(0).shape, low))
      call.result(1).write(AnyTensor(shape: call.result(1).shape, high))
    }
  }
}
