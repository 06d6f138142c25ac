import QATCore
import QATIR
import QATKernels

extension ReduceLike: Executable {
  /// Sums over leading axes: what the gradient of a bias is.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    let dy = request.shape(0), x = request.resultShape()
    let inner = Array(x.drop { $0 == 1 })
    guard request.element(0) == .f32, !dy.contains(0), Array(dy.suffix(inner.count)) == inner else {
      return nil
    }
    let columns = inner.reduce(1, *), rows = dy.reduce(1, *) / columns
    let pool = request.pool
    return Kernel { call in
      if rows == 1 { return call.result().copy(from: call[0]) }
      RowKernels.reduce(
        .sum, outer: 1, axis: rows, inner: columns, x: call[0], y: call.result(), pool)
    }
  }
}
