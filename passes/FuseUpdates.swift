import QATCore
import QATIR
import QATRewrite

/// Lets the update of weights sum the gradient of their learned scale while both are at hand.
///
///     %dw, %ds = qat.LearnedQuantizeGradient(%dy, %w, %s, %z) {grid = i8n, axis = 0}
///     %w1, %v1 = qat.SGD(%w, %dw, %v, %rate) {momentum = 0.9}     // nobody else reads %dw
///     ->
///     %w1, %v1, %ds = qat.LearnedSGD(%w, %dy, %v, %rate, %s, %z) {momentum = 0.9, grid = i8n, axis = 0}
///
/// Of method `lsq`, for scales along the first axis or of a whole tensor, where the velocity and the
/// learning rate are there from the beginning. Weights of large layers come from memory each time they
/// are read.
public struct FuseUpdates: Pass {
  public static let name: PassName = "fuse-updates"
  public static let summary = "let updates of weights sum the gradients of their learned scales"
  public static let effect: Effect = .exact

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    for id in graph.nodes where graph.contains(id) {
      if let update = LearnedUpdate(id, in: graph) { try update.fuse(in: &graph) }
    }
  }
}

/// An update by SGD whose gradient is that of a quantizer with a learned scale.
private struct LearnedUpdate {
  let sgd: NodeID, gradient: NodeID
  /// What stands between them, from the update on.
  var between: [NodeID] = []
  let op: LearnedSGD
  /// Of the new node.
  let operands: [ValueID?]

  init?(_ id: NodeID, in graph: Graph) {
    guard let sgd = graph[id].op as? SGD, var dw = graph[id].operands[1] else { return nil }
    while let producer = graph.producer(of: dw), graph[producer].op is Identity,
      graph.isUsedOnce(dw), let source = graph[producer].operands[0]
    {
      between.append(producer)
      dw = source
    }
    let update = graph[id].operands
    guard graph.isUsedOnce(dw),
      let (node, quantizer) = graph.operation(LearnedQuantizeGradient.self, of: dw),
      graph[node].results[0] == dw, graph[node].operands[1] == update[0],
      let w = update[0], graph[w].type.element == .f32, quantizer.method == .lsq,
      quantizer.blockSize == 0, (quantizer.axis ?? 0) == 0, !quantizer.batched,
      !quantizer.positive, graph[node].results.count > 1,
      graph[node].results.dropFirst(2).allSatisfy({ $0.map { graph.isUnused($0) } ?? true }),
      update.dropFirst(2).allSatisfy({ $0.map { graph.producer(of: $0) == nil } ?? false })
    else { return nil }
    (self.sgd, gradient) = (id, node)
    op = LearnedSGD(sgd, grid: quantizer.grid, axis: quantizer.axis)
    operands = [w, graph[node].operands[0], update[2], update[3]] + graph[node].operands[2...3]
  }

  /// Where the quantizer's gradient stands, for others read that of its scale.
  func fuse(in graph: inout Graph) throws(Diagnostic) {
    let name = graph[sgd].name, origins = graph[sgd].origins
    let old = [graph[sgd].results[0], graph[sgd].results[1], graph[gradient].results[1]]
    var builder = GraphBuilder(graph)
    (builder.insertionPoint, builder.origins) = (gradient, origins)
    let new = builder.emit(op, operands, results: old.count, name: name + ".learned")
    if let failure = builder.failure { throw failure }
    graph = builder.graph
    let names = old.map { $0.map { graph[$0].name } }
    for case (let old?, let new) in zip(old, new) { try graph.replaceAllUses(of: old, with: new) }
    for node in [sgd] + between + [gradient] { graph.remove(node) }
    for case (let name?, let new) in zip(names, new) where graph.value(named: name) == nil {
      graph.rename(new, to: name)
    }
    if let node = graph.producer(of: new[0]) { graph.rename(node, to: name) }
  }
}
