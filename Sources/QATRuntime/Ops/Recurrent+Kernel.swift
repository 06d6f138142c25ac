import QATCore
import QATIR
import QATKernels

// The products of all steps with `w` are one product; each step then adds one of the states with
// `r`. Layers with other than the ordinary activations, with clipping or peepholes are evaluated.

extension LSTM: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard !couplesForget, !request.isPresent(7),
      try usesActivations([.sigmoid, .tanh, .tanh])
    else { return nil }
    return recurrentKernel(.lstm, request, for: self)
  }
}

extension GRU: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard try usesActivations([.sigmoid, .tanh]) else { return nil }
    return recurrentKernel(.gru(scalesProduct: resetsProduct), request, for: self)
  }
}

extension RNN: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    if try usesActivations([.tanh]) { return recurrentKernel(.tanh, request, for: self) }
    return try usesActivations([.relu]) ? recurrentKernel(.relu, request, for: self) : nil
  }
}

extension Recurrent {
  /// Whether these are the activations of every direction, and nothing is clipped.
  func usesActivations(
    _ kinds: [RecurrentActivation.Kind]
  ) throws(Diagnostic) -> Bool {
    let functions = try activations()
    return recurrence.clip == nil && functions.allSatisfy { $0.map(\.kind) == kinds }
  }
}

private func recurrentKernel(
  _ cell: RecurrentStepKernel.Cell, _ request: KernelRequest, for op: some Recurrent
) -> Kernel? {
  guard request.element(0) == .f32, !request.shape(0).contains(0), !request.shape(2).contains(0)
  else { return nil }
  let plan = RecurrentPlan(cell, request, op), pool = request.pool
  return Kernel(scratchByteCount: plan.scratchByteCount(pool)) { call throws(Diagnostic) in
    guard let scratch = call.scratch else { return }
    let lengths = try plan.sizes.lengths(call.optional(4)?.int32s.map { Int($0) })
    if let y = call.results[0], lengths.contains(where: { $0 < plan.sizes.steps }) { y.clear() }
    for direction in 0..<plan.sizes.directions {
      plan.run(direction, lengths, call, pool, scratch: scratch)
    }
  }
}

/// How a recurrent layer of known sizes runs, and where in scratch memory its parts lie.
private struct RecurrentPlan {
  let sizes: RecurrentSizes
  private let cell: RecurrentStepKernel.Cell
  private let attributes: RecurrentAttributes
  private let initialStates: [Int]
  /// The weights of each direction: of the input, and of the state for one run of gates or two.
  private let inputWeights: [PackedMatrix], stateWeights: [[PackedMatrix]]
  private let areConstant: (input: Bool, state: Bool)
  private let gates: Int
  /// How many gates a product with the state gives: a GRU's candidate waits for its reset gate.
  private let runs: [Int]

  init(_ cell: RecurrentStepKernel.Cell, _ request: KernelRequest, _ op: some Recurrent) {
    self.cell = cell
    attributes = op.recurrence
    initialStates = type(of: op).initialStates
    gates = type(of: op).gateCount
    runs = gates == 3 ? [2, 1] : [gates]
    let sizes = RecurrentSizes(op.recurrence, x: request.shape(0), r: request.shape(2))
    self.sizes = sizes
    let (hidden, inputs, count) = (sizes.hidden, sizes.inputs, gates * sizes.hidden)
    let runs = runs
    /// Matrices that lie behind one another in an operand.
    func matrices(_ operand: Int, k: Int, _ widths: [Int]) -> [PackedMatrix] {
      var start = 0
      return widths.map { n in
        defer { start += k * n }
        guard let constant = request.constant(operand) else { return PackedMatrix(k: k, n: n) }
        return PackedMatrix(k: k, n: n, constant: constant, at: start, transposed: true)
      }
    }
    let directions = 0..<sizes.directions
    inputWeights = matrices(1, k: inputs, directions.map { _ in count })
    let ofState = matrices(2, k: hidden, directions.flatMap { _ in runs.map { $0 * hidden } })
    stateWeights = directions.map { Array(ofState[$0 * runs.count..<($0 + 1) * runs.count]) }
    areConstant = (request.constant(1) != nil, request.constant(2) != nil)
  }

  private func packInput(_ w: TensorView) {
    for (direction, matrix) in inputWeights.enumerated() {
      let count = matrix.k * matrix.n
      matrix.replace(b: w.part(at: direction * count, shape: [count]), transposed: true)
    }
  }

  private func packState(_ r: TensorView) {
    var start = 0
    for matrix in stateWeights.joined() {
      let count = matrix.k * matrix.n
      matrix.replace(b: r.part(at: start, shape: [count]), transposed: true)
      start += count
    }
  }

  /// The parts of scratch memory, in the order of `Memory`: for products, the gates of all steps,
  /// those of a step, the last gate's product, the reset state, the states.
  private func layout(_ pool: ThreadPool) -> ScratchLayout {
    let states = sizes.batch * sizes.hidden
    return ScratchLayout(floats: [
      FloatProduct.scratchByteCount(pool) / 4, sizes.steps * gates * states, gates * states, states,
      states, states, states,
    ])
  }

  func scratchByteCount(_ pool: ThreadPool) -> Int { layout(pool).byteCount }

  /// The memory of one direction.
  private struct Memory {
    let products: MutableTensorView, input: MutableTensorView, state: MutableTensorView
    let product: MutableTensorView, reset: MutableTensorView
    /// h, and an LSTM's c.
    let states: [MutableTensorView]

    init(_ layout: ScratchLayout, _ scratch: MutableTensorView) {
      let views = layout.parts.map { scratch[$0] }
      (products, input, state, product, reset) = (views[0], views[1], views[2], views[3], views[4])
      states = [views[5], views[6]]
    }
  }

  func run(
    _ direction: Int, _ lengths: [Int], _ call: KernelCall, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    let memory = Memory(layout(pool), scratch), hidden = sizes.hidden
    if direction == 0, !areConstant.input { packInput(call[1]) }
    if direction == 0, !areConstant.state { packState(call[2]) }
    func bias(_ gate: Int, count: Int) -> TensorView? {
      call.optional(3)?.part(
        at: (2 * direction * gates + gate) * hidden, shape: [count * hidden])
    }
    func multiply(
      _ a: TensorView, by matrix: PackedMatrix, of weights: Int, bias: TensorView?,
      to c: MutableTensorView
    ) {
      FloatProduct.run(
        m: a.count / matrix.k, n: matrix.n, k: matrix.k, a: a, transposeA: false, b: call[weights],
        transposeB: true, packed: matrix, c: c, columnBias: bias, pool, scratch: memory.products)
    }
    multiply(
      call[0], by: inputWeights[direction], of: 1, bias: bias(0, count: gates), to: memory.input)
    move(direction, memory, from: call)
    let weights = stateWeights[direction], h = memory.states[0]
    var step = RecurrentStepKernel(cell, hidden: hidden, entries: sizes.batch)
    let places = RecurrentStepKernel.Memory(
      input: memory.input.readOnly, state: memory.state.readOnly, h: h, y: call.results[0])
    for index in 0..<(lengths.max() ?? 0) {
      for (entry, length) in lengths.enumerated() {
        let time = attributes.isReverse(direction) ? length - 1 - index : index
        let rests = index >= length
        step.inputRows[entry] = rests ? -1 : Int64(sizes.input(time, entry))
        step.outputRows[entry] =
          rests ? -1 : Int64(sizes.output(time, direction, entry) / hidden)
      }
      multiply(
        h.readOnly, by: weights[0], of: 2, bias: bias(gates, count: runs[0]), to: memory.state)
      if case .gru(let scalesProduct) = cell {
        if !scalesProduct { step.reset(places, to: memory.reset) }
        multiply(
          (scalesProduct ? h : memory.reset).readOnly, by: weights[1], of: 2,
          bias: bias(gates + 2, count: 1), to: memory.product)
      }
      step.run(places, cells: memory.states[1], product: memory.product.readOnly)
    }
    move(direction, memory, to: call)
  }

  /// Copies the states of a direction in, 0 where there are none.
  private func move(_ direction: Int, _ memory: Memory, from call: KernelCall) {
    for (operand, state) in zip(initialStates, memory.states) {
      guard let initial = call.optional(operand) else { state.clear(); continue }
      for entry in 0..<sizes.batch {
        state.part(at: entry * sizes.hidden, shape: [sizes.hidden])
          .copy(from: initial.part(at: sizes.state(direction, entry), shape: [sizes.hidden]))
      }
    }
  }

  /// Copies the states of a direction out, where they are wanted.
  private func move(_ direction: Int, _ memory: Memory, to call: KernelCall) {
    for (index, state) in zip(initialStates.indices, memory.states) {
      guard index + 1 < call.results.count, let result = call.results[index + 1] else { continue }
      for entry in 0..<sizes.batch {
        result.part(at: sizes.state(direction, entry), shape: [sizes.hidden])
          .copy(from: state.readOnly.part(at: entry * sizes.hidden, shape: [sizes.hidden]))
      }
    }
  }
}
