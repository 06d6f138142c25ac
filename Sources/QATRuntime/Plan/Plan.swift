import QATCore
import QATIR
import QATKernels

/// A graph made ready to run for one set of input shapes: kernels bound, weights packed, memory placed.
///
/// Where shapes depend on data, the plan ends with the operations that decide them; the rest of the
/// graph has plans of its own, one for each set of shapes that came out.
final class Plan {
  /// All of it, also what depends on shapes that the plan finds out.
  let graph: Graph
  let memory: MemoryPlan
  let pool: ThreadPool

  /// What runs each node whose results have known shapes, and the nodes whose have not.
  private let work: [(node: NodeID, work: Work)], open: [(node: Node, evaluation: Evaluation)]
  private let inputBuffers: [VariableBuffer]
  private let variables: [String: VariableBuffer]
  /// What the plan shares with others, and what of it the steps look at.
  private let workspace: Workspace
  private var arena: Arena?
  /// One for all kernels: they run one after the other. Views do not own memory, so plans do.
  private var scratch: VariableBuffer?
  private var steps: [Step] = []
  /// What depends on shapes that this plan finds out; `nil` where there is nothing of the kind.
  private let rest: PlanCache?
  /// What operations with results of unknown shape came to in the last run.
  private var found: [ValueID: AnyTensor] = [:]
  /// The plan of the rest that ran last.
  private var next: Plan?

  /// - Parameters:
  ///   - whole: every shape of its inputs is known, and what they decide is a constant.
  ///   - workspace: of the plans of the graph.
  ///   - keep: values to be readable after a run, beside the outputs.
  init(
    _ whole: Graph, variables: [String: VariableBuffer], pool: ThreadPool, workspace: Workspace,
    keep: Set<ValueID>
  ) throws(Diagnostic) {
    let split = GraphSplit(whole, wanted: keep.union(whole.outputs))
    rest = split.map {
      PlanCache(
        $0.tail, capacity: PlanCache.ofPart, variables: variables, pool: pool, keep: keep)
    }
    let graph = split?.head ?? whole
    (self.graph, self.variables, self.pool, self.workspace) = (whole, variables, pool, workspace)
    inputBuffers = graph.inputs.map { id in
      VariableBuffer(graph[id].type.element, shape: graph[id].type.shape?.sizes ?? [])
    }
    memory = MemoryPlan(graph, keep: keep)
    guard memory.byteCount <= Arena.mostBytes else {
      throw Diagnostic(
        .unsupported,
        "the values of '\(whole.name)' take \(memory.byteCount >> 20) MiB at once, and this machine has "
          + "\(Arena.mostBytes >> 20)", hint: "give fewer samples at a time, or smaller ones")
    }
    var work: [(NodeID, Work)] = []
    for id in graph.nodes { work.append((id, try Work(of: id, in: graph, memory, pool))) }
    self.work = work
    var open: [(Node, Evaluation)] = []
    for id in split?.open ?? [] {
      open.append((whole[id], try Evaluation(of: whole[id], in: whole, pool)))
    }
    self.open = open
    workspace.reserve(
      arena: memory.byteCount, scratch: work.map(\.1.scratchByteCount).max() ?? 0)
  }

  /// Lets the steps look at the memory that plans share, where another plan has let it grow.
  private func bind() {
    guard arena !== workspace.arena || scratch !== workspace.scratch else { return }
    (arena, scratch) = (workspace.arena, workspace.scratch)
    steps =
      work.map { id, work in step(id, work, scratch: workspace.scratch.view) }
      + open.map { node, evaluation in
        Step(node, isKernel: evaluation.isKernel) { [unowned self] () throws(Diagnostic) in
          for (id, value) in zip(node.results, try evaluation.run { tensor($0) }) {
            if let id { found[id] = value }
          }
        }
      }
  }

  // MARK: - Running

  /// Runs all nodes. The inputs are in the order of the graph's.
  /// - Parameter isThere: whether the memory of an input holds the tensor already.
  func run(
    _ inputs: [AnyTensor], isThere: (Int) -> Bool = { _ in false }
  ) throws(Diagnostic) {
    bind()
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
    bind()
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
    switch memory[value] {
    case .constant: return previous?.memory[value] != .constant
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
    bind()
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

  // MARK: - Memory

  /// A copy of what a value is after a run; of kept values and outputs alone.
  func tensor(_ id: ValueID) -> AnyTensor? {
    if let tensor = found[id] { return tensor }
    guard let place = memory[id] else { return next?.tensor(id) }
    if place == .constant { return graph[id].constant }
    return view(of: id).map { AnyTensor(copying: $0.readOnly) }
  }

  /// What a kernel reads.
  func readView(of id: ValueID) -> TensorView? {
    graph[id].constant.map { TensorView($0) } ?? view(of: id)?.readOnly
  }

  /// Memory that can be written; `nil` for a constant, and in a plan that has not run.
  func view(of id: ValueID) -> MutableTensorView? {
    let type = graph[id].type
    switch memory[id] {
    case .input(let index): return inputBuffers[index].view
    case .variable(let variable): return variables[graph[variable].name]?.view
    case .block(let block):
      return arena?.view(
        at: memory.blocks[block].offset, type.element, shape: type.shape?.sizes ?? [])
    case .constant, nil: return nil
    }
  }
}
