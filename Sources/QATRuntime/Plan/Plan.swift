import QATCore
import QATIR
import QATKernels

/// A graph made ready to run for one set of input shapes: kernels bound, weights packed, memory placed.
///
/// Where shapes depend on data, the plan ends with the operations that decide them; the rest of the
/// graph has plans of its own, one for each set of shapes that came out.
final class Plan {
  /// One node: its kernel and the memory it works on.
  struct Step {
    let name: String
    let op: OpName
    let results: [ValueID?]
    /// Whether a kernel runs it, not its reference evaluation.
    let isKernel: Bool
    /// `CountsMultiplyAdds`, of those that do.
    let multiplyAdds: Int
    /// Bytes of its operands and results, each counted once; 0 where results find out their shapes.
    let byteCount: Int
    /// Whether its first operand is a tensor of 8-bit codes.
    let isOnCodes: Bool
    let run: () throws(Diagnostic) -> Void
  }

  /// Where a value lives.
  private enum Place {
    case constant(AnyTensor)
    case input(Int)
    case variable(VariableBuffer)
    case block(Int)
  }

  /// All of it, also what depends on shapes that the plan finds out.
  let graph: Graph
  private(set) var steps: [Step] = []
  /// Bytes of the arena.
  let arenaByteCount: Int

  private let arena: Arena
  private var places: [ValueID: Place] = [:]
  private let inputBuffers: [VariableBuffer]
  /// One for all kernels: they run one after the other. Views do not own memory, so plans do.
  private var scratchBuffer = VariableBuffer(.u8, shape: [0])
  private let pool: ThreadPool
  /// What depends on shapes that this plan finds out; `nil` where there is nothing of the kind.
  private let rest: PlanCache?
  /// What operations with results of unknown shape came to in the last run.
  private var found: [ValueID: AnyTensor] = [:]
  /// The plan of the rest that ran last.
  private var next: Plan?

  /// - Parameters:
  ///   - whole: every shape of its inputs is known, and what they decide is a constant.
  ///   - keep: values to be readable after a run, beside the outputs.
  init(
    _ whole: Graph, variables: [String: VariableBuffer], pool: ThreadPool, keep: Set<ValueID>
  ) throws(Diagnostic) {
    let split = GraphSplit(whole, wanted: keep.union(whole.outputs))
    rest = split.map {
      PlanCache(
        $0.tail, capacity: PlanCache.ofPart, variables: variables, pool: pool, keep: keep)
    }
    let graph = split?.head ?? whole
    self.graph = whole
    self.pool = pool
    var inputs: [VariableBuffer] = []
    for (index, id) in graph.inputs.enumerated() {
      let type = graph[id].type
      inputs.append(VariableBuffer(type.element, shape: type.shape?.sizes ?? []))
      places[id] = .input(index)
    }
    inputBuffers = inputs
    for id in graph.constants { places[id] = graph[id].constant.map { .constant($0) } }
    for id in graph.variables { places[id] = variables[graph[id].name].map { .variable($0) } }
    let layout = try Self.layOut(graph, &places, keep: keep.union(graph.outputs))
    let memory = MemoryPlan(layout.blocks)
    arenaByteCount = memory.byteCount
    arena = Arena(byteCount: memory.byteCount)
    var scratch = 0
    var kernels: [(NodeID, Kernel?)] = []
    for id in layout.nodes {
      let kernel = try Self.kernel(of: id, in: graph, places, pool)
      scratch = max(scratch, kernel?.scratchByteCount ?? 0)
      kernels.append((id, kernel))
    }
    scratchBuffer = VariableBuffer(.u8, shape: [scratch])
    for (id, kernel) in kernels {
      steps.append(try step(id, kernel, memory, scratchBuffer))
    }
    for id in split?.open ?? [] { steps.append(try openStep(whole[id])) }
  }

  /// Whether a node's result lies where its operand does, so that there is nothing to run.
  private func isInPlace(_ id: NodeID) -> Bool {
    guard case .some(.some(let operand)) = graph[id].operands.first,
      case .some(.some(let result)) = graph[id].results.first,
      case .block(let source) = places[operand], case .block(let target) = places[result]
    else { return false }
    return source == target && graph[id].sharesBytes(in: graph)
  }

  // MARK: - Running

  /// Runs all nodes. The inputs are in the order of the graph's.
  /// - Parameter isThere: whether the memory of an input holds the tensor already.
  func run(
    _ inputs: [AnyTensor], isThere: (Int) -> Bool = { _ in false }
  ) throws(Diagnostic) {
    for (index, tensor) in inputs.enumerated() where !isThere(index) {
      inputBuffers[index].write(tensor)
    }
    for step in steps { try run(step) }
    if let (plan, inputs) = try planOfRest(inputs) { try plan.run(inputs) }
  }

  /// Runs all nodes, with hooks called as soon as their values are there: those of inputs, variables
  /// and what was known before the run first.
  func run(_ inputs: [AnyTensor], _ hooks: Hooks) throws(Diagnostic) {
    try run(inputs, hooks, after: nil)
  }

  private func run(
    _ inputs: [AnyTensor], _ hooks: Hooks, after previous: Plan?
  ) throws(Diagnostic) {
    for (buffer, tensor) in zip(inputBuffers, inputs) { buffer.write(tensor) }
    for value in hooks.values where isKnownBeforeSteps(value, after: previous) {
      try hooks.fire(value, in: self)
    }
    for step in steps {
      try run(step)
      for case .some(let result) in step.results { try hooks.fire(result, in: self) }
    }
    if let (plan, inputs) = try planOfRest(inputs) { try plan.run(inputs, hooks, after: self) }
  }

  /// Whether a value is there before the first step, and was not in the plan that ran before.
  private func isKnownBeforeSteps(_ value: ValueID, after previous: Plan?) -> Bool {
    switch places[value] {
    case .constant:
      if case .constant = previous?.places[value] { return false }
      return true
    case .input, .variable: return previous == nil
    case .block, nil: return false
    }
  }

  private func run(_ step: Step) throws(Diagnostic) {
    do throws(Diagnostic) { try step.run() } catch { throw error.at("node '\(step.name)'") }
  }

  /// Runs all nodes as `run` does.
  /// - Returns: the steps in the order they ran, with the nanoseconds that each took.
  func timedRun(
    _ inputs: [AnyTensor]
  ) throws(Diagnostic) -> [(step: Step, nanoseconds: Double)] {
    let clock = ContinuousClock()
    var times: [(step: Step, nanoseconds: Double)] = []
    times.reserveCapacity(steps.count)
    for (buffer, tensor) in zip(inputBuffers, inputs) { buffer.write(tensor) }
    for step in steps {
      let start = clock.now
      try run(step)
      times.append((step, (clock.now - start) / .nanoseconds(1)))
    }
    if let (plan, inputs) = try planOfRest(inputs) { times += try plan.timedRun(inputs) }
    return times
  }

  /// The plan for the shapes that the steps have found out, and its inputs.
  private func planOfRest(
    _ inputs: [AnyTensor]
  ) throws(Diagnostic) -> (plan: Plan, inputs: [AnyTensor])? {
    guard let rest else { return nil }
    next = nil
    let given = inputs + rest.graph.inputs.dropFirst(inputs.count).compactMap { tensor($0) }
    let plan = try rest.plan(for: given)
    next = plan
    return (plan, given)
  }

  /// A copy of what a value is after a run; of kept values and outputs alone.
  func tensor(_ id: ValueID) -> AnyTensor? {
    if let tensor = found[id] { return tensor }
    switch places[id] {
    case .constant(let tensor): return tensor
    case .input(let index): return inputBuffers[index].tensor
    case .variable(let buffer): return buffer.tensor
    case .block: return blockViews[id].map { AnyTensor(copying: $0.readOnly) }
    case nil: return next?.tensor(id)
    }
  }

  private var blockViews: [ValueID: MutableTensorView] = [:]

  // MARK: - Making

  /// Gives every value that nodes compute a block, and finds lifetimes.
  private static func layOut(
    _ graph: Graph, _ places: inout [ValueID: Place], keep: Set<ValueID>
  ) throws(Diagnostic) -> (nodes: [NodeID], blocks: [MemoryPlan.Block]) {
    var nodes: [NodeID] = []
    var blocks: [MemoryPlan.Block] = []
    var lifetimes = Lifetimes(graph)
    for id in graph.nodes {
      let node = graph[id]
      let step = nodes.count
      nodes.append(id)
      for (index, operand) in node.operands.enumerated() {
        if let operand, node.reads(index), case .block(let block) = places[operand] {
          blocks[block].last = max(blocks[block].last, step)
        }
      }
      for (index, result) in node.results.enumerated() {
        guard let result else { continue }
        guard let byteCount = graph[result].type.byteCount else {
          preconditionFailure("the plan ends where the shape \(graph[result].type) depends on data")
        }
        if !keep.contains(result), let target = lifetimes.variable(updatedBy: id, index, in: graph)
        {
          places[result] = places[target]
          continue
        }
        let takenOver =
          index > 0
          ? nil
          : lifetimes.block(takenOverBy: id, in: graph) { operand in
            guard case .block(let block) = places[operand] else { return nil }
            return (
              block, isFree: blocks[block].last != .max && blocks[block].byteCount == byteCount
            )
          }
        if let block = takenOver {
          places[result] = .block(block)
          if keep.contains(result) { blocks[block].last = .max }
          lifetimes.add(result, to: block)
          continue
        }
        lifetimes.add(result, to: blocks.count)
        places[result] = .block(blocks.count)
        blocks.append(
          MemoryPlan.Block(
            byteCount: byteCount, first: step, last: keep.contains(result) ? .max : step))
      }
    }
    return (nodes, blocks)
  }

  private static func request(
    for node: Node, in graph: Graph, _ places: [ValueID: Place], _ pool: ThreadPool
  ) -> KernelRequest {
    KernelRequest(
      operands: node.operands.map { $0.map { graph[$0].type } },
      results: node.results.map { $0.map { graph[$0].type } },
      constants: node.operands.map { operand in
        guard let operand, case .constant(let tensor) = places[operand] else { return nil }
        return tensor
      }, pool: pool, precision: node.roundsToBfloat16 ? .bf16 : .f32)
  }

  private static func kernel(
    of id: NodeID, in graph: Graph, _ places: [ValueID: Place], _ pool: ThreadPool
  ) throws(Diagnostic) -> Kernel? {
    let node = graph[id]
    guard let op = node.op as? any Executable else { return nil }
    let request = request(for: node, in: graph, places, pool)
    do throws(Diagnostic) { return try op.kernelWideningFloats(for: request) } catch {
      throw error.at("node '\(node.name)' (\(node.op.name))")
    }
  }

  private func step(
    _ id: NodeID, _ kernel: Kernel?, _ memory: MemoryPlan, _ scratch: VariableBuffer
  ) throws(Diagnostic) -> Step {
    let node = graph[id]
    let operands = node.operands.map { $0.map { readView(of: $0, memory) } }
    let multiplyAdds =
      (node.op as? any CountsMultiplyAdds)?.multiplyAdds(
        Self.request(for: node, in: graph, places, pool)) ?? 0
    let values = Set((node.operands + node.results).compactMap { $0 })
    let byteCount = values.reduce(0) { $0 + (graph[$1].type.byteCount ?? 0) }
    let isOnCodes = node.operands.first.flatMap { $0 }.map {
      Set.codes8.contains(graph[$0].type.element)
    }
    func made(isKernel: Bool, _ run: @escaping () throws(Diagnostic) -> Void) -> Step {
      Step(
        name: node.name, op: node.op.name, results: node.results, isKernel: isKernel,
        multiplyAdds: multiplyAdds, byteCount: byteCount, isOnCodes: isOnCodes ?? false, run: run)
    }
    if node.op is Assign {
      guard let variable = node.operands[0], case .variable(let buffer) = places[variable],
        let value = operands[1]
      else { throw Diagnostic(.invalidGraph, "'\(node.name)' assigns to no variable") }
      if let value = node.operands[1], case .variable(let source) = places[value], source === buffer
      {
        return made(isKernel: true) {}
      }
      return made(isKernel: true) { () throws(Diagnostic) in
        buffer.view.copy(from: value)
      }
    }
    let results = node.results.map { $0.map { view(of: $0, memory) } }
    for (id, view) in zip(node.results, results) { if let id { blockViews[id] = view } }
    if node.sharesBytes(in: graph), let source = operands[0], let target = results[0] {
      if isInPlace(id) { return made(isKernel: true) {} }
      // What blocks do not hold is copied: inputs, variables.
      return made(isKernel: true) { () throws(Diagnostic) in target.copy(from: source) }
    }
    if let kernel {
      let call = KernelCall(operands: operands, results: results, scratch: scratch.view)
      return made(isKernel: true) { () throws(Diagnostic) in try kernel.run(call) }
    }
    let evaluate = try evaluation(of: node)
    let types = node.results.map { $0.map { graph[$0].type } }
    return made(isKernel: node.op is any RunsBodies) { () throws(Diagnostic) in
      for (index, value) in try evaluate().enumerated() {
        guard value.type == types[index] ?? value.type else {
          throw Diagnostic(
            .shapeMismatch, "result \(index) is \(value.type), inference said \(types[index]!)")
        }
        results[index]?.write(value)
      }
    }
  }

  /// A step whose results have shapes that it finds out.
  private func openStep(_ node: Node) throws(Diagnostic) -> Step {
    let evaluate = try evaluation(of: node)
    return Step(
      name: node.name, op: node.op.name, results: node.results,
      isKernel: node.op is any RunsBodies, multiplyAdds: 0, byteCount: 0, isOnCodes: false
    ) { [unowned self] () throws(Diagnostic) in
      for (id, value) in zip(node.results, try evaluate()) { if let id { found[id] = value } }
    }
  }

  /// What evaluates a node that no kernel runs: its bodies compiled, or by reference.
  private func evaluation(
    of node: Node
  ) throws(Diagnostic) -> () throws(Diagnostic) -> [AnyTensor] {
    let read = { [unowned self] in node.operands.map { $0.flatMap { tensor($0) } } }
    let count = node.results.count
    if let op = node.op as? any RunsBodies {
      let constants = node.operands.map { operand -> AnyTensor? in
        guard let operand, case .constant(let tensor) = places[operand] else { return nil }
        return tensor
      }
      let plans = BodyPlans(op, constants: constants, pool: pool)
      return { () throws(Diagnostic) in Array(try plans.run(read()).prefix(count)) }
    }
    guard let op = node.op as? any Evaluable else {
      throw Diagnostic(
        .unsupported,
        "unsupported operation \(node.op.name): it has neither a kernel nor an evaluation",
        at: "node '\(node.name)'")
    }
    return { () throws(Diagnostic) in
      try ReferenceEvaluator.evaluate(op, read(), resultCount: count)
    }
  }

  private func readView(of id: ValueID, _ memory: MemoryPlan) -> TensorView {
    if case .constant(let tensor) = places[id] { return TensorView(tensor) }
    return view(of: id, memory).readOnly
  }

  private func view(of id: ValueID, _ memory: MemoryPlan) -> MutableTensorView {
    let type = graph[id].type, sizes = type.shape?.sizes ?? []
    switch places[id] {
    case .input(let index): return inputBuffers[index].view
    case .variable(let buffer): return buffer.view
    case .block(let block):
      return arena.view(at: memory.offsets[block], type.element, shape: sizes)
    case .constant, nil: preconditionFailure("'\(graph[id].name)' is nowhere that can be written")
    }
  }
}
