import QATCore
import QATKernels

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
  let length = walk.rowLength, a = walk.rowStrides[0], b = walk.rowStrides[1]
  if length == count {
    return Kernel { call in
      loop(
        a == 0 ? call[first].part(at: 0, shape: [1]) : call[first],
        b == 0 ? call[second].part(at: 0, shape: [1]) : call[second], call.result())
    }
  }
  guard length >= 4 else { return nil }
  var starts: [(y: Int, a: Int, b: Int)] = []
  walk.forEachRow { start, operands in starts.append((start, operands[0], operands[1])) }
  return Kernel { call in
    for row in starts {
      loop(
        call[first].part(at: row.a, shape: [a == 0 ? 1 : length]),
        call[second].part(at: row.b, shape: [b == 0 ? 1 : length]),
        call.result().part(at: row.y, shape: [length]))
    }
  }
}
