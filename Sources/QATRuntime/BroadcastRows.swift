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

/// A kernel for two operands that broadcast, from a loop over rows.
/// - Parameter first, second: which operands.
/// - Returns: `nil` where rows are so short that starting one costs more than the work.
func rows(
  _ request: KernelRequest, _ first: Int, _ second: Int,
  _ loop: @escaping (TensorView, TensorView, MutableTensorView, BroadcastRows) -> Void
) -> Kernel? {
  let y = request.resultShape(), count = y.reduce(1, *)
  let walk = BroadcastWalk([request.shape(first), request.shape(second)], to: y)
  guard walk.rowStrides.allSatisfy({ $0 == 0 || $0 == 1 }) else { return nil }
  let pool = request.pool
  if walk.rowLength == count {
    let moves = walk.moves
    return Kernel { call in
      pool.share(count) { part in
        loop(
          call[first][moves.a ? part : 0..<1], call[second][moves.b ? part : 0..<1],
          call.result()[part],
          BroadcastRows(length: part.count, moves: moves, starts: [(0, 0, 0)]))
      }
    }
  }
  guard walk.rowLength >= 4 else { return nil }
  let rows = walk.rows
  return Kernel { call in
    pool.share(rows.count, by: ThreadPool.rows(of: rows.length)) { part in
      loop(call[first], call[second], call.result(), rows[part])
    }
  }
}

extension BroadcastWalk {
  /// Whether each of two operands moves along a row.
  fileprivate var moves: (a: Bool, b: Bool) { (rowStrides[0] != 0, rowStrides[1] != 0) }

  /// The rows of two operands.
  /// - Precondition: along a row each moves by one element or stands still.
  var rows: BroadcastRows {
    var starts: [BroadcastRows.Start] = []
    forEachRow { start, operands in starts.append((start, operands[0], operands[1])) }
    return BroadcastRows(length: rowLength, moves: moves, starts: starts)
  }
}
