import QATCore
import QATIR
import QATRewrite
import QATRuntime

/// Evaluates nodes whose operands are all constants; large ones with the kernels that would run them.
/// What a weight of a mapped file is multiplied by or added to waits until someone looks at the result.
///
///     constant %a: f32[] = 2.0
///     %b = Sqrt(%a)
///     ->
///     constant %b: f32[] = 1.4142135
///
/// Also `Shape` of a value whose sizes are known. Left alone: what says on which grid a value lies
/// (`DequantizeLinear`, `qat.FakeQuantize`), and results of more than `limit` bytes that are larger
/// than what they are made of.
public struct FoldConstants: Pass {
  public static let name: PassName = "fold-constants"
  public static let summary = "evaluate what depends on constants alone"
  public static let effect: Effect = .exact
  public static let entersBodies = true
  public static let options: [PassOption<Self>] = [
    .init("limit", \.limit, "bytes that a result may grow to")
  ]

  /// Bytes that a result larger than its operands may have.
  public var limit = 1 << 20
  /// Bytes of operands from which a kernel is worth being bound.
  private static let large = 1 << 14

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    let kernels = KernelEvaluator()
    for id in graph.nodes where graph.contains(id) {
      guard let results = try values(of: id, in: graph, kernels) else { continue }
      let ids = graph[id].results
      for (result, tensor) in zip(ids, results) {
        guard let result else { continue }
        let name = graph[result].name
        let constant = graph.addConstant(graph.freeValueName(name + ".folded"), tensor)
        try graph.replaceAllUses(of: result, with: constant)
      }
      let names = ids.map { $0.map { graph[$0].name } }
      if ids.allSatisfy({ $0.map { graph.isUnused($0) } ?? true }) {
        graph.remove(id)
        // The constant goes on under the name of the value it stands for.
        for case .some(let name) in names {
          if let folded = graph.value(named: name + ".folded"), graph.value(named: name) == nil {
            graph.rename(folded, to: name)
          }
        }
      }
    }
    try graph.inferTypes()
    try EliminateDeadNodes().run(on: &graph, &context)
  }

  /// The results of a node that can be known now.
  private func values(
    of id: NodeID, in graph: Graph, _ kernels: KernelEvaluator
  ) throws(Diagnostic) -> [AnyTensor]? {
    let node = graph[id]
    if node.op is Opaque || node.op is any MarksGrid || node.op is Assign || node.op is Dropout
      || node.op.controlFlow != nil
    {
      return nil
    }
    if node.operands.isEmpty && !(node.op is Constant) { return nil }
    let operands = node.operands.compactMap { $0 }
    if node.results.count == 1, let result = node.results[0],
      let known = graph.knownContents(of: result)
    {
      return [known]
    }
    guard operands.allSatisfy({ graph[$0].constant != nil }), let op = node.op as? any Evaluable
    else {
      return nil
    }
    let types = node.results.map { $0.map { graph[$0].type } }
    let size = types.reduce(0) { $0 + ($1?.byteCount ?? 0) }
    let source = operands.reduce(0) { $0 + (graph[$1].constant?.storage.byteCount ?? 0) }
    if size > max(limit, source) { return nil }
    let inferred = try graph.inferredTypes(
      of: node.op, node.operands, resultCount: node.results.count)
    guard inferred.prefix(node.results.count).allSatisfy({ $0.shape?.sizes != nil }) else {
      return nil
    }
    let tensors = node.operands.map { $0.flatMap { graph[$0].constant } }
    do throws(Diagnostic) {
      if source > Self.large, node.results.allSatisfy({ $0 != nil }) {
        let types = Array(inferred.prefix(node.results.count))
        if types.count == 1, operands.count == tensors.count,
          let result = try kernels.derived(op, tensors.compactMap { $0 }, as: types[0])
        {
          return [result]
        }
        if let results = try kernels.evaluate(op, tensors, as: types) { return results }
      }
      return try op.evaluate(EvaluationCall(operands: tensors, resultTypes: inferred))
    } catch { throw error.at("node '\(node.name)' (\(node.op.name))") }
  }
}
