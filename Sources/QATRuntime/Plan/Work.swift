import QATCore
import QATIR
import QATKernels

/// What runs a node, whatever memory its values lie in.
enum Work {
  case kernel(Kernel)
  case evaluation(Evaluation)
  /// Bytes that lie elsewhere go where they are wanted.
  case copy(ValueID, to: ValueID)
  /// They lie there already.
  case nothing

  /// - Throws: what a kernel refuses; `unsupported` for an operation that nothing runs.
  init(
    of id: NodeID, in graph: Graph, _ memory: MemoryPlan, _ pool: ThreadPool
  ) throws(Diagnostic) {
    let node = graph[id]
    if node.op is Assign {
      guard let variable = node.operands[0], case .variable = memory[variable],
        let value = node.operands[1]
      else { throw Diagnostic(.invalidGraph, "'\(node.name)' assigns to no variable") }
      self = memory[value] == memory[variable] ? .nothing : .copy(value, to: variable)
    } else if node.sharesBytes(in: graph), let source = node.operands[0] {
      // What blocks do not hold is copied: inputs, variables.
      self = memory[source] == memory[node.result] ? .nothing : .copy(source, to: node.result)
    } else if let kernel = try Self.kernel(of: node, in: graph, pool) {
      self = .kernel(kernel)
    } else {
      self = .evaluation(try Evaluation(of: node, in: graph, pool))
    }
  }

  private static func kernel(
    of node: Node, in graph: Graph, _ pool: ThreadPool
  ) throws(Diagnostic) -> Kernel? {
    guard let op = node.op as? any Executable else { return nil }
    do throws(Diagnostic) {
      return try op.kernelWideningFloats(for: KernelRequest(node, in: graph, pool))
    } catch { throw error.at("node '\(node.name)' (\(node.op.name))") }
  }

  /// Scratch memory that a run needs.
  var scratchByteCount: Int {
    if case .kernel(let kernel) = self { kernel.scratchByteCount } else { 0 }
  }

  /// False where the reference evaluation runs it.
  var isKernel: Bool {
    if case .evaluation(let evaluation) = self { evaluation.isKernel } else { true }
  }
}

/// What evaluates a node that no kernel runs: its bodies compiled, or by reference.
struct Evaluation {
  /// Whether plans run it, those of its bodies.
  let isKernel: Bool
  private let operands: [ValueID?]
  private let evaluate: ([AnyTensor?]) throws(Diagnostic) -> [AnyTensor]

  /// - Throws: `unsupported` for an operation that nothing runs.
  init(of node: Node, in graph: Graph, _ pool: ThreadPool) throws(Diagnostic) {
    let count = node.results.count
    operands = node.operands
    isKernel = node.op is any RunsBodies
    if let op = node.op as? any RunsBodies {
      let constants = node.operands.map { $0.flatMap { graph[$0].constant } }
      let plans = BodyPlans(op, constants: constants, pool: pool)
      evaluate = { (operands) throws(Diagnostic) in
        Array(try plans.run(operands).prefix(count))
      }
    } else if let op = node.op as? any Evaluable {
      evaluate = { (operands) throws(Diagnostic) in
        try ReferenceEvaluator.evaluate(op, operands, resultCount: count)
      }
    } else {
      throw Diagnostic(
        .unsupported,
        "unsupported operation \(node.op.name): it has neither a kernel nor an evaluation",
        at: "node '\(node.name)'")
    }
  }

  /// - Parameter read: what a value is now.
  func run(_ read: (ValueID) -> AnyTensor?) throws(Diagnostic) -> [AnyTensor] {
    try evaluate(operands.map { $0.flatMap(read) })
  }
}

extension KernelRequest {
  init(_ node: Node, in graph: Graph, _ pool: ThreadPool) {
    self.init(
      operands: node.operands.map { $0.map { graph[$0].type } },
      results: node.results.map { $0.map { graph[$0].type } },
      constants: node.operands.map { $0.flatMap { graph[$0].constant } }, pool: pool,
      precision: node.roundsToBfloat16 ? .bf16 : .f32)
  }
}
