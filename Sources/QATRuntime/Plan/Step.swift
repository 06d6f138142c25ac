import QATCore
import QATIR
import QATKernels

extension Plan {
  /// One node: what runs it, on the memory of its values.
  struct Step {
    let name: String
    let op: OpName
    let results: [ValueID?]
    /// Whether a kernel runs it, not its reference evaluation.
    let isKernel: Bool
    /// `CountsMultiplyAdds`, of those that do.
    var multiplyAdds = 0
    /// Bytes of its operands and results, each counted once; 0 where results find out their shapes.
    var byteCount = 0
    /// Whether its first operand is a tensor of 8-bit codes.
    var isOnCodes = false
    let run: () throws(Diagnostic) -> Void

    init(_ node: Node, isKernel: Bool, run: @escaping () throws(Diagnostic) -> Void) {
      (name, op, results) = (node.name, node.op.name, node.results)
      (self.isKernel, self.run) = (isKernel, run)
    }
  }

  /// The step of a node, on the memory as it is now.
  func step(_ id: NodeID, _ work: Work, scratch: MutableTensorView) -> Step {
    let node = graph[id]
    var step = Step(node, isKernel: work.isKernel, run: run(node, work, scratch))
    step.multiplyAdds =
      (node.op as? any CountsMultiplyAdds)?.multiplyAdds(
        KernelRequest(node, in: graph, pool)) ?? 0
    step.byteCount = Set((node.operands + node.results).compactMap { $0 })
      .reduce(0) { $0 + (graph[$1].type.byteCount ?? 0) }
    if case .some(.some(let first)) = node.operands.first {
      step.isOnCodes = Set.codes8.contains(graph[first].type.element)
    }
    return step
  }

  private func run(
    _ node: Node, _ work: Work, _ scratch: MutableTensorView
  ) -> () throws(Diagnostic) -> Void {
    let operands = node.operands.map { $0.flatMap { readView(of: $0) } }
    let results = node.results.map { $0.flatMap { view(of: $0) } }
    switch work {
    case .nothing: return {}
    case .copy(let source, let target):
      guard let source = readView(of: source), let target = view(of: target) else { return {} }
      return { () throws(Diagnostic) in target.copy(from: source) }
    case .kernel(let kernel):
      let call = KernelCall(operands: operands, results: results, scratch: scratch)
      return { () throws(Diagnostic) in try kernel.run(call) }
    case .evaluation(let evaluation):
      let types = node.results.map { $0.map { graph[$0].type } }
      return { [unowned self] () throws(Diagnostic) in
        for (index, value) in try evaluation.run({ tensor($0) }).enumerated() {
          guard value.type == types[index] ?? value.type else {
            throw Diagnostic(
              .shapeMismatch, "result \(index) is \(value.type), inference said \(types[index]!)")
          }
          results[index]?.write(value)
        }
      }
    }
  }
}
