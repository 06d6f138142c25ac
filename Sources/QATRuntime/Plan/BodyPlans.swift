import QATCore
import QATIR
import QATKernels

/// The bodies of one node of a plan, each compiled for the shapes it is run with.
///
/// Captured constants are constants of the bodies, so that their kernels can pack them.
final class BodyPlans {
  private let op: any RunsBodies
  private let bodies: [CompiledBody]

  /// - Parameter constants: of the operands, those that never change.
  init(_ op: any RunsBodies, constants: [AnyTensor?], pool: ThreadPool) {
    self.op = op
    let captured = Array(constants.suffix(op.captures))
    bodies = op.bodies.map { CompiledBody($0, captured, pool) }
  }

  /// All results of the node.
  func run(_ operands: [AnyTensor?]) throws(Diagnostic) -> [AnyTensor] {
    defer { bodies.forEach { $0.forgetInputs() } }
    return try op.evaluate(operands, bodies)
  }
}

/// One body of a node, and its plans.
private final class CompiledBody: RunnableBody {
  private let cache: PlanCache
  /// The inputs that a run is given: those that are no constants.
  private let given: [Int]
  private var last: (plan: Plan, inputs: [AnyTensor])?

  init(_ body: Graph, _ captured: [AnyTensor?], _ pool: ThreadPool) {
    var graph = body
    var given = Array(body.inputs.indices)
    for (index, constant) in zip(body.inputs.indices.suffix(captured.count), captured) {
      guard let constant else { continue }
      graph.makeConstant(body.inputs[index], constant)
      given.removeAll { $0 == index }
    }
    self.given = given
    cache = PlanCache(
      graph, capacity: PlanCache.ofPart, variables: [:], pool: pool, keep: [])
  }

  func run(_ inputs: [AnyTensor]) throws(Diagnostic) -> [AnyTensor] {
    let inputs = given.map { inputs[$0] }
    let plan = try cache.plan(for: inputs)
    // What is captured stays where it is from step to step.
    let known = last.flatMap { $0.plan === plan ? $0.inputs : nil }
    try plan.run(inputs) { known?[$0].storage === inputs[$0].storage }
    last = (plan, inputs)
    return cache.graph.outputs.compactMap { plan.tensor($0) }
  }

  /// Lets go of the tensors of the last run.
  func forgetInputs() { last = nil }
}
