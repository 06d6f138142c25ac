import QATCore
import QATIR
import QATKernels

/// The plans of one graph, one for each set of input shapes: a few of those used last.
final class PlanCache {
  /// How many are kept of the graph that a session runs.
  static let ofSession = 8
  /// How many are kept of a part of a plan, such as a body: each plan around it has its own.
  static let ofPart = 2

  let graph: Graph
  private let capacity: Int
  private let variables: [String: VariableBuffer]
  private let pool: ThreadPool
  private let keep: Set<ValueID>
  private var plans: [(shapes: [[Int]], plan: Plan)] = []
  private let workspace = Workspace()

  /// How many plans are kept.
  var count: Int { plans.count }

  /// - Parameters:
  ///   - capacity: how many plans are kept.
  ///   - keep: values to be readable after a run, beside the outputs.
  init(
    _ graph: Graph, capacity: Int, variables: [String: VariableBuffer], pool: ThreadPool,
    keep: Set<ValueID>
  ) {
    self.graph = graph
    self.capacity = capacity
    self.variables = variables
    self.pool = pool
    self.keep = keep
  }

  /// Bytes of the arena that the largest of the plans that are kept takes.
  var arenaByteCount: Int { plans.map(\.plan.memory.byteCount).max() ?? 0 }

  /// The plan for tensors of these shapes, in the order of the inputs.
  func plan(for inputs: [AnyTensor]) throws(Diagnostic) -> Plan {
    let shapes = inputs.map(\.shape)
    if let index = plans.firstIndex(where: { $0.shapes == shapes }) {
      let found = plans.remove(at: index)
      plans.append(found)
      return found.plan
    }
    try checkSymbols(inputs)
    let concrete = try graph.specialized(to: inputs.map(\.type))
    let plan = try Plan(
      concrete, variables: variables, pool: pool, workspace: workspace, keep: keep)
    if plans.count == capacity { plans.removeFirst() }
    plans.append((shapes, plan))
    return plan
  }

  /// A symbol stands for one size.
  private func checkSymbols(_ inputs: [AnyTensor]) throws(Diagnostic) {
    var sizes: [String: Int] = [:]
    for (id, tensor) in zip(graph.inputs, inputs) {
      for (dimension, size) in zip(graph[id].type.shape?.dimensions ?? [], tensor.shape) {
        guard let symbol = dimension.symbol else { continue }
        if let known = sizes[symbol], known != size {
          throw Diagnostic(
            .invalidData, "'\(symbol)' is \(known) in one input and \(size) in '\(graph[id].name)'")
        }
        sizes[symbol] = size
      }
    }
  }
}
