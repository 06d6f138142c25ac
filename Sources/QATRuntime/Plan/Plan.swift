import QATCore
import QATIR
import QATKernels

/// A graph made ready to run for one set of input shapes: kernels bound, weights packed, memory placed.
final class Plan {
  /// One node: its kernel and the memory it works on.
  struct Step {
    let node: NodeID
    let name: String
    /// Whether a kernel runs it, not its reference evaluation.
    let isKernel: Bool
    /// `CountsMultiplyAdds`, of those that do.
    let multiplyAdds: Int
    let run: () throws(Diagnostic) -> Void
  }

  /// Where a value lives.
  private enum Place {
    case constant(AnyTensor)
    case input(Int)
    case variable(VariableBuffer)
    case block(Int)
  }

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

  /// - Parameters:
  ///   - graph: every shape of its inputs is known.
  ///   - keep: values to be readable after a run, beside the outputs.
  init(
    _ graph: Graph, variables: [String: VariableBuffer], pool: ThreadPool, keep: Set<ValueID>
  ) throws(Diagnostic) {
    self.graph = graph
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
  func run(_ inputs: [AnyTensor]) throws(Diagnostic) {
    for (buffer, tensor) in zip(inputBuffers, inputs) { buffer.write(tensor) }
    for step in steps { try run(step) }
  }

  /// Runs all nodes, with hooks called as soon as their values are there: those of inputs, variables
  /// and what was known before the run first.
  func run(_ inputs: [AnyTensor], _ hooks: Hooks) throws(Diagnostic) {
    for (buffer, tensor) in zip(inputBuffers, inputs) { buffer.write(tensor) }
    for value in hooks.values {
      if case .block = places[value] { continue }
      try hooks.fire(value, in: self)
    }
    for step in steps {
      try run(step)
      for case .some(let result) in graph[step.node].results {
        try hooks.fire(result, in: self)
      }
    }
  }

  private func run(_ step: Step) throws(Diagnostic) {
    do throws(Diagnostic) { try step.run() } catch { throw error.at("node '\(step.name)'") }
  }

  /// Runs all nodes as `run` does.
  /// - Returns: the nanoseconds that each step took.
  func timedRun(_ inputs: [AnyTensor]) throws(Diagnostic) -> [Double] {
    let clock = ContinuousClock()
    var times: [Double] = []
    times.reserveCapacity(steps.count)
    for (buffer, tensor) in zip(inputBuffers, inputs) { buffer.write(tensor) }
    for step in steps {
      let start = clock.now
      do throws(Diagnostic) { try step.run() } catch { throw error.at("node '\(step.name)'") }
      times.append((clock.now - start) / .nanoseconds(1))
    }
    return times
  }

  /// A copy of what a value is after a run; of kept values and outputs alone.
  func tensor(_ id: ValueID) -> AnyTensor? {
    switch places[id] {
    case .constant(let tensor): tensor
    case .input(let index): inputBuffers[index].tensor
    case .variable(let buffer): buffer.tensor
    case .block: blockViews[id].map { AnyTensor(copying: $0.readOnly) }
    case nil: nil
    }
  }

  private var blockViews: [ValueID: MutableTensorView] = [:]

  // MARK: - Making

  /// Gives every value that nodes compute a block, evaluates what is known now, and finds lifetimes.
  private static func layOut(
    _ graph: Graph, _ places: inout [ValueID: Place], keep: Set<ValueID>
  ) throws(Diagnostic) -> (nodes: [NodeID], blocks: [MemoryPlan.Block]) {
    var nodes: [NodeID] = []
    var blocks: [MemoryPlan.Block] = []
    var lifetimes = Lifetimes(graph)
    for id in graph.nodes {
      let node = graph[id]
      if try evaluateNow(id, in: graph, &places) { continue }
      let step = nodes.count
      nodes.append(id)
      for (index, operand) in node.operands.enumerated() {
        if let operand, node.reads(index), case .block(let block) = places[operand] {
          blocks[block].last = max(blocks[block].last, step)
        }
      }
      for (index, result) in node.results.enumerated() {
        guard let result else { continue }
        guard let sizes = graph[result].type.shape?.sizes else {
          throw Diagnostic(
            .unsupported, "the shape \(graph[result].type) depends on data",
            at: "node '\(node.name)' (\(node.op.name))")
        }
        if !keep.contains(result), let target = lifetimes.variable(updatedBy: id, index, in: graph)
        {
          places[result] = places[target]
          continue
        }
        let byteCount = graph[result].type.element.byteCount(sizes.reduce(1, *))
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

  /// Whether the node's results are known now: shapes as data, and what constants alone decide.
  private static func evaluateNow(
    _ id: NodeID, in graph: Graph, _ places: inout [ValueID: Place]
  ) throws(Diagnostic) -> Bool {
    let node = graph[id]
    if node.results.isEmpty || node.op is Dropout { return false }
    if node.results.count == 1, let type = Optional(graph[node.result].type), type.element == .i64,
      let dimensions = graph.dimensions(of: node.result)
    {
      let integers = dimensions.compactMap(\.integer)
      if integers.count == dimensions.count {
        let shape = type.shape?.rank == 0 ? [] : [integers.count]
        places[node.result] = .constant(AnyTensor(shape: shape, integers.map(Int64.init)))
        return true
      }
    }
    var operands: [AnyTensor?] = []
    for operand in node.operands {
      guard let operand else { operands.append(nil); continue }
      guard case .constant(let tensor) = places[operand] else { return false }
      operands.append(tensor)
    }
    guard node.op is any Evaluable else { return false }
    do throws(Diagnostic) {
      let results = try ReferenceEvaluator.evaluate(
        node.op, operands, resultCount: node.results.count)
      for (result, tensor) in zip(node.results, results) {
        if let result { places[result] = .constant(tensor) }
      }
    } catch { throw error.at("node '\(node.name)' (\(node.op.name))") }
    return true
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
      }, pool: pool)
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
    func made(isKernel: Bool, _ run: @escaping () throws(Diagnostic) -> Void) -> Step {
      Step(node: id, name: node.name, isKernel: isKernel, multiplyAdds: multiplyAdds, run: run)
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
    guard let op = node.op as? any Evaluable else {
      throw Diagnostic(
        .unsupported,
        "unsupported operation \(node.op.name): it has neither a kernel nor an evaluation",
        at: "node '\(node.name)'")
    }
    let resultCount = node.results.count
    return made(isKernel: false) { () throws(Diagnostic) in
      let tensors = operands.map { $0.map { AnyTensor(copying: $0) } }
      let values = try ReferenceEvaluator.evaluate(op, tensors, resultCount: resultCount)
      for (target, value) in zip(results, values) { target?.write(value) }
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
