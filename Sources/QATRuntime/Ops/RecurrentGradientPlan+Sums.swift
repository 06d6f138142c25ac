import QATCore
import QATKernels

extension RecurrentGradientPlan {
  /// The gradients of a direction's operands, from those of all its sums.
  func finish(
    _ direction: Int, steps: Int, _ memory: Memory, w: TensorView, _ call: KernelCall,
    _ pool: ThreadPool
  ) {
    let hidden = sizes.hidden, count = gates * hidden, rows = sizes.steps * sizes.batch
    func result(_ operand: Int) -> MutableTensorView? {
      floats.firstIndex(of: operand).flatMap { call.results[$0] }
    }
    /// `c` = transposed `a` times `b`.
    func correlate(_ a: MutableTensorView, _ b: TensorView, rows: Int, to c: MutableTensorView) {
      let m = a.count / max(rows, 1), n = b.count / max(rows, 1)
      if rows == 0 { return c.clear() }
      FloatProduct.run(
        m: m, n: n, k: rows, a: a.readOnly, transposeA: true, b: b, transposeB: false, c: c, pool,
        scratch: memory.products)
    }
    if let dx = result(0) {
      FloatProduct.run(
        m: rows, n: sizes.inputs, k: count, a: memory.dInput.readOnly, transposeA: false, b: w,
        transposeB: false, c: dx, beta: direction == 0 ? 0 : 1, pool, scratch: memory.products)
    }
    if let dw = result(1) {
      correlate(
        memory.dInput, call[seeds], rows: rows, to: part(dw, direction, of: count * sizes.inputs))
    }
    // Of each run of gates: the gradients of its sums, and what its weights were multiplied with.
    let h = memory.h.part(at: 0, shape: [steps * states]).readOnly
    var gradients = [memory.dState.part(at: 0, shape: [steps * runs[0] * states])], reads = [h]
    if case .gru(let scales) = cell {
      gradients.append(memory.dProduct.part(at: 0, shape: [steps * states]))
      reads.append(scales ? h : memory.extra.part(at: 0, shape: [steps * states]).readOnly)
    }
    let entries = steps * sizes.batch
    let dr = result(2).map { part($0, direction, of: count * hidden) }
    let db = result(3).map { part($0, direction, of: 2 * count) }
    if let db {
      RowKernels.reduce(
        .sum, outer: 1, axis: rows, inner: count, x: memory.dInput.readOnly,
        y: db.part(at: 0, shape: [count]), pool)
    }
    var gate = 0
    for (index, run) in runs.enumerated() {
      if let dr {
        let size = run * hidden * hidden
        correlate(
          gradients[index], reads[index], rows: entries,
          to: dr.part(at: gate * hidden * hidden, shape: [size]))
      }
      if let db {
        RowKernels.reduce(
          .sum, outer: 1, axis: entries, inner: run * hidden, x: gradients[index].readOnly,
          y: db.part(at: count + gate * hidden, shape: [run * hidden]), pool)
      }
      gate += run
    }
    for (operand, state) in zip(initialStates, [memory.dh, memory.dc]) {
      guard let target = result(operand) else { continue }
      for entry in 0..<sizes.batch {
        target.part(at: sizes.state(direction, entry), shape: [hidden])
          .copy(from: state.readOnly.part(at: entry * hidden, shape: [hidden]))
      }
    }
  }
}
