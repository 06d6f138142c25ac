import QATCore
import QATIR
import QATKernels

extension TopK: Executable {
  /// Of floats.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let x = request.shape(0), axis = try checkedAxis(axis, rank: x.count)
    guard request.element(0) == .f32, !x.contains(0), let y = request.results[0]?.shape?.sizes
    else { return nil }
    let outer = x[..<axis].reduce(1, *), inner = x[(axis + 1)...].reduce(1, *)
    let (length, k, largest, pool) = (x[axis], y[axis], largest, request.pool)
    return Kernel(scratchByteCount: y.reduce(8, *)) { call in
      // Positions lie in scratch memory where nobody wants them.
      let indices = call.results.count > 1 ? call.results[1] : nil
      guard let positions = indices ?? call.scratch else { return }
      RowKernels.top(
        k, largest: largest, outer: outer, axis: length, inner: inner, x: call[0],
        values: call.results[0], indices: positions, pool)
    }
  }
}
