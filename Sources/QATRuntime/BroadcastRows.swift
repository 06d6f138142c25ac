import QATCore
import QATKernels

/// A kernel for one operand, from a loop over elements each of which is worked on by itself.
func elementKernel(
  _ request: KernelRequest, _ loop: @escaping (TensorView, MutableTensorView) -> Void
) -> Kernel {
  let pool = request.pool
  return Kernel { call in
    pool.share(call.result().count) { part in loop(call[0][part], call.result()[part]) }
  }
}

/// The same for two operands of one shape.
func pairKernel(
  _ request: KernelRequest, _ loop: @escaping (TensorView, TensorView, MutableTensorView) -> Void
) -> Kernel {
  let pool = request.pool
  return Kernel { call in
    pool.share(call.result().count) { part in
      loop(call[0][part], call[1][part], call.result()[part])
    }
  }
}

/// A kernel for two operands that broadcast, from a loop over rows along which each operand either
/// moves with the result or stands still (a view of one element).
/// - Parameter first, second: which operands.
/// - Returns: `nil` where rows are so short that calling the loop costs more than the work.
func rows(
  _ request: KernelRequest, _ first: Int, _ second: Int,
  _ loop: @escaping (TensorView, TensorView, MutableTensorView) -> Void
) -> Kernel? {
  let y = request.resultShape(), count = y.reduce(1, *)
  let walk = BroadcastWalk([request.shape(first), request.shape(second)], to: y)
  guard walk.rowStrides.allSatisfy({ $0 == 0 || $0 == 1 }) else { return nil }
  let length = walk.rowLength, pool = request.pool, a = walk.rowStrides[0], b = walk.rowStrides[1]
  if length == count {
    return Kernel { call in
      pool.share(count) { part in
        loop(
          call[first][a == 0 ? 0..<1 : part], call[second][b == 0 ? 0..<1 : part],
          call.result()[part])
      }
    }
  }
  guard length >= 4 else { return nil }
  var starts: [(y: Int, a: Int, b: Int)] = []
  walk.forEachRow { start, operands in starts.append((start, operands[0], operands[1])) }
  return Kernel { call in
    pool.share(starts.count, by: ThreadPool.rows(of: length)) { part in
      for row in starts[part] {
        loop(
          call[first].part(at: row.a, shape: [a == 0 ? 1 : length]),
          call[second].part(at: row.b, shape: [b == 0 ? 1 : length]),
          call.result().part(at: row.y, shape: [length]))
      }
    }
  }
}
