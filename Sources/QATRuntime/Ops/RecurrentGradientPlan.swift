import QATCore
import QATIR
import QATKernels

/// How the gradient of a recurrent layer of known sizes is computed.
struct RecurrentGradientPlan {
  let sizes: RecurrentSizes
  /// The operands of the layer that have a gradient, in the order of the results.
  let floats: [Int]
  let cell: RecurrentStepKernel.Cell
  private let attributes: RecurrentAttributes
  let seeds: Int, gates: Int, initialStates: [Int]
  /// How many gates a product with the state gives: a GRU's candidate waits for its reset gate.
  let runs: [Int]
  /// The weights of the state, and their transposes, packed for every direction anew.
  private let forward: [PackedMatrix], backward: [PackedMatrix]

  init<Base: Recurrent>(_ cell: RecurrentStepKernel.Cell, _ request: KernelRequest, _ op: Base) {
    self.cell = cell
    attributes = op.recurrence
    (seeds, gates, initialStates) = (Base.results.count, Base.gateCount, Base.initialStates)
    floats = RecurrentGradient<Base>.floatOperands
    sizes = RecurrentSizes(
      op.recurrence, x: request.shape(seeds), r: request.shape(seeds + 2))
    let hidden = sizes.hidden, runs = gates == 3 ? [2, 1] : [gates]
    self.runs = runs
    forward = runs.map { PackedMatrix(k: hidden, n: $0 * hidden) }
    backward = runs.map { PackedMatrix(k: $0 * hidden, n: hidden) }
  }

  var states: Int { sizes.batch * sizes.hidden }
  private var isLSTM: Bool { initialStates.count == 2 }

  /// The parts of scratch memory, in the order of `Memory`.
  private func layout(_ pool: ThreadPool) -> ScratchLayout {
    let steps = sizes.steps, gru = isLSTM ? 0 : 1
    return ScratchLayout(floats: [
      FloatProduct.scratchByteCount(pool) / 4, steps * gates * states, steps * gates * states,
      steps * gates * states, (steps + 1) * states, (steps + 1) * states * (1 - gru),
      steps * states * gru, runs[0] * states, steps * runs[0] * states, steps * states * gru,
      states, states, states,
    ])
  }

  func scratchByteCount(_ pool: ThreadPool) -> Int { layout(pool).byteCount }

  /// The memory of one direction. States, gates and gradients of a step follow those of the step before,
  /// as the direction goes; `input` and `dInput` lie in the order of x.
  struct Memory {
    let products: MutableTensorView, input: MutableTensorView, dInput: MutableTensorView
    let gates: MutableTensorView, h: MutableTensorView, c: MutableTensorView
    /// A GRU's product of the last gate, or its state times r.
    let extra: MutableTensorView
    let state: MutableTensorView, dState: MutableTensorView, dProduct: MutableTensorView
    let dh: MutableTensorView, dc: MutableTensorView, dReset: MutableTensorView

    init(_ layout: ScratchLayout, _ scratch: MutableTensorView) {
      let views = layout.parts.map { scratch[$0] }
      (products, input, dInput, gates, h, c) = (
        views[0], views[1], views[2], views[3], views[4], views[5]
      )
      (extra, state, dState, dProduct) = (views[6], views[7], views[8], views[9])
      (dh, dc, dReset) = (views[10], views[11], views[12])
    }
  }

  /// One of the layer's operands of a direction.
  private func parameter(
    _ operand: Int, _ direction: Int, _ call: KernelCall, at offset: Int = 0, count: Int,
    of size: Int
  ) -> TensorView? {
    call.optional(seeds + operand)?.part(at: direction * size + offset, shape: [count])
  }

  func run(
    _ direction: Int, _ lengths: [Int], _ call: KernelCall, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    let memory = Memory(layout(pool), scratch), hidden = sizes.hidden, inputs = sizes.inputs
    let count = gates * hidden, rows = sizes.steps * sizes.batch, last = lengths.max() ?? 0
    let w = parameter(1, direction, call, count: count * inputs, of: count * inputs)
    let r = parameter(2, direction, call, count: count * hidden, of: count * hidden)
    guard let w, let r else { return }
    let bias = parameter(3, direction, call, count: 2 * count, of: 2 * count)
    FloatProduct.run(
      m: rows, n: count, k: inputs, a: call[seeds], transposeA: false, b: w, transposeB: true,
      c: memory.input, columnBias: bias?.part(at: 0, shape: [count]), pool,
      scratch: memory.products)
    var gate = 0
    for (index, run) in runs.enumerated() {
      let block = r.part(at: gate * hidden * hidden, shape: [run * hidden * hidden])
      forward[index].replace(b: block, transposed: true)
      backward[index].replace(b: block, transposed: false)
      gate += run
    }
    start(direction, memory, call)
    for index in 0..<last {
      record(index, rows: inputRows(index, direction, lengths), memory, r: r, bias: bias, pool)
    }
    memory.dInput.clear()
    for index in (0..<last).reversed() {
      let rows = inputRows(index, direction, lengths)
      addSeeds(rows, index, direction, lengths, call, to: memory.dh)
      goBack(index, rows: rows, memory, r: r, pool)
    }
    finish(direction, steps: last, memory, w: w, call, pool)
  }

  /// The rows of x that entries read at the step of a direction; -1 for those at rest.
  private func inputRows(_ index: Int, _ direction: Int, _ lengths: [Int]) -> [Int64] {
    lengths.enumerated().map { entry, length in
      index < length ? Int64(sizes.input(time(index, direction, length), entry)) : -1
    }
  }

  private func time(_ index: Int, _ direction: Int, _ length: Int) -> Int {
    attributes.isReverse(direction) ? length - 1 - index : index
  }

  /// Copies in the states before the first step, and the gradients of those behind the last.
  private func start(_ direction: Int, _ memory: Memory, _ call: KernelCall) {
    func copy(_ operand: Int, to target: MutableTensorView) {
      guard let source = call.optional(operand) else { return target.clear() }
      for entry in 0..<sizes.batch {
        target.part(at: entry * sizes.hidden, shape: [sizes.hidden])
          .copy(from: source.part(at: sizes.state(direction, entry), shape: [sizes.hidden]))
      }
    }
    copy(seeds + initialStates[0], to: memory.h.part(at: 0, shape: [states]))
    copy(1, to: memory.dh)
    guard isLSTM else { return }
    copy(seeds + initialStates[1], to: memory.c.part(at: 0, shape: [states]))
    copy(2, to: memory.dc)
  }

  /// The parts of a step.
  func part(_ view: MutableTensorView, _ index: Int, of size: Int) -> MutableTensorView {
    view.part(at: index * size, shape: [size])
  }

  private func multiply(
    _ a: MutableTensorView, by b: TensorView, _ packed: PackedMatrix, transposed: Bool,
    bias: TensorView? = nil, beta: Float = 0, to c: MutableTensorView, _ memory: Memory,
    _ pool: ThreadPool
  ) {
    FloatProduct.run(
      m: sizes.batch, n: packed.n, k: packed.k, a: a.readOnly, transposeA: false, b: b,
      transposeB: transposed, packed: packed, c: c, beta: beta, columnBias: bias, pool,
      scratch: memory.products)
  }

  /// One step forward.
  private func record(
    _ index: Int, rows: [Int64], _ memory: Memory, r: TensorView, bias: TensorView?,
    _ pool: ThreadPool
  ) {
    let h = part(memory.h, index, of: states), hidden = sizes.hidden
    func stateBias(_ gate: Int, count: Int) -> TensorView? {
      bias?.part(at: (gates + gate) * hidden, shape: [count * hidden])
    }
    multiply(
      h, by: r, forward[0], transposed: true, bias: stateBias(0, count: runs[0]), to: memory.state,
      memory, pool)
    var kernel = RecurrentGradientKernel(hidden: hidden, entries: sizes.batch)
    kernel.rows = rows
    let step = RecurrentGradientKernel.Forward(
      input: memory.input.readOnly, state: memory.state.readOnly, h: h.readOnly,
      next: part(memory.h, index + 1, of: states),
      gates: part(memory.gates, index, of: gates * states))
    guard case .gru(let scales) = cell else {
      return kernel.lstm(
        step, c: part(memory.c, index, of: states).readOnly,
        next: part(memory.c, index + 1, of: states))
    }
    // What is kept of the last gate: its product where r scales it, else what it is multiplied with.
    let extra = part(memory.extra, index, of: states)
    let reset = scales ? memory.dReset : extra, product = scales ? extra : memory.dReset
    kernel.gruGates(step, reset: reset)
    multiply(
      scales ? h : reset, by: r, forward[1], transposed: true, bias: stateBias(2, count: 1),
      to: product, memory, pool)
    kernel.gru(step, product: product.readOnly, scales: scales)
  }

  /// Adds the gradients of y to those of the states.
  private func addSeeds(
    _ rows: [Int64], _ index: Int, _ direction: Int, _ lengths: [Int], _ call: KernelCall,
    to dh: MutableTensorView
  ) {
    guard let dy = call.optional(0) else { return }
    for (entry, length) in lengths.enumerated() where rows[entry] >= 0 {
      let at = sizes.output(time(index, direction, length), direction, entry)
      let sum = dh.part(at: entry * sizes.hidden, shape: [sizes.hidden])
      FloatLoops.binary(.add, sum.readOnly, dy.part(at: at, shape: [sizes.hidden]), sum)
    }
  }

  /// One step back.
  private func goBack(
    _ index: Int, rows: [Int64], _ memory: Memory, r: TensorView, _ pool: ThreadPool
  ) {
    var kernel = RecurrentGradientKernel(hidden: sizes.hidden, entries: sizes.batch)
    kernel.rows = rows
    let dState = part(memory.dState, index, of: runs[0] * states)
    let step = RecurrentGradientKernel.Backward(
      gates: part(memory.gates, index, of: gates * states).readOnly,
      h: part(memory.h, index, of: states).readOnly, dh: memory.dh, dInput: memory.dInput,
      dState: dState)
    if case .gru(let scales) = cell {
      let dProduct = part(memory.dProduct, index, of: states)
      kernel.gru(
        step, product: part(memory.extra, index, of: states).readOnly, scales: scales,
        dProduct: dProduct)
      let target = scales ? memory.dh : memory.dReset
      multiply(
        dProduct, by: r, backward[1], transposed: false, beta: scales ? 1 : 0, to: target, memory,
        pool)
      if !scales { kernel.gruReset(step, dReset: target.readOnly) }
    } else {
      kernel.lstm(
        step, c: part(memory.c, index, of: states).readOnly,
        next: part(memory.c, index + 1, of: states).readOnly, dc: memory.dc)
    }
    multiply(
      dState, by: r, backward[0], transposed: false, beta: 1, to: memory.dh, memory, pool)
  }
}
