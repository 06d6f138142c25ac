import QATCore

/// What a graph shows of a batch whose samples it keeps apart: every sample of the outputs is computed
/// from the same sample of the inputs, whatever the others are. Such a batch can be run in parts.
public struct Samples: Sendable {
  /// How many samples there are: the first dimension of an input.
  public let batch: Dimension
  /// How many entries of the first axis a sample has, of each input; `nil` for one that serves all.
  public let inputs: [Int?]
  /// How many entries of the first axis a sample has, of each output.
  public let outputs: [Int]

  /// What a value has to do with the batch; nothing where it has no role.
  private enum Role {
    /// So many entries of its first axis are of one sample.
    case entries(Int)
    /// Sizes decide it, also that of the batch.
    case sizes
  }

  /// `nil` where the number of samples is no symbol, or an operation does not keep them apart.
  public init?(_ graph: Graph) {
    let first = graph.inputs.lazy.compactMap { graph[$0].type.shape?.dimensions.first }
    guard let batch = first.first(where: { $0.symbol != nil }), let symbol = batch.symbol else {
      return nil
    }
    func entries(of value: ValueID) -> Int? {
      guard let shape = graph[value].type.shape, let first = shape.dimensions.first,
        let count = first.divided(by: batch)?.size, count > 0,
        !shape.dimensions.dropFirst().contains(where: { $0.freeSymbols.contains(symbol) })
      else { return nil }
      return count
    }
    var roles: [ValueID: Role] = [:]
    for input in graph.inputs {
      if let count = entries(of: input) {
        roles[input] = .entries(count)
      } else if graph[input].type.shape?.dimensions.contains(where: { $0.size == nil }) ?? true {
        return nil
      }
    }
    for id in graph.nodes {
      let node = graph[id]
      if node.op is Assign { return nil }
      var samples: Set<Int> = [], sizes: Set<Int> = [], counts: Set<Int> = []
      for (index, operand) in node.operands.enumerated() {
        switch operand.flatMap({ roles[$0] }) {
        case .entries(let count):
          samples.insert(index)
          counts.insert(count)
        case .sizes: sizes.insert(index)
        case nil: break
        }
      }
      if samples.isEmpty && sizes.isEmpty { continue }
      let results = node.results.compactMap { $0 }
      let op = node.op as? any KeepsSamplesApart
      let shape = op.flatMap { type(of: $0).shapeOperand }
      if let op, counts.count < 2, sizes.allSatisfy({ $0 == shape }),
        op.keepsSamplesApart(
          samples, graph.operands(node.operands, resultCount: node.results.count)),
        results.allSatisfy({ entries(of: $0) != nil })
      {
        for result in results { roles[result] = entries(of: result).map { .entries($0) } }
      } else if samples.isEmpty || node.op is ShapeOp || node.op is Size {
        for result in results { roles[result] = .sizes }
      } else {
        return nil
      }
    }
    func count(_ value: ValueID) -> Int? {
      if case .entries(let count) = roles[value] { count } else { nil }
    }
    let outputs = graph.outputs.compactMap(count)
    guard outputs.count == graph.outputs.count else { return nil }
    (self.batch, self.outputs) = (batch, outputs)
    inputs = graph.inputs.map(count)
  }
}
