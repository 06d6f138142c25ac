import QATCore

/// What a graph shows of a batch whose samples it keeps apart: every sample of the outputs is computed
/// from the same sample of the inputs, whatever the others are. Such a batch can be run in parts.
public struct Samples: Sendable {
  /// How many entries of the first axis a sample has, of each input; `nil` for one that serves all.
  public let inputs: [Int?]
  /// How many entries of the first axis a sample has, of each output.
  public let outputs: [Int]

  /// `nil` where the number of samples is no symbol, or an operation does not keep them apart.
  public init?(_ graph: Graph) {
    let first = graph.inputs.lazy.compactMap { graph[$0].type.shape?.dimensions.first }
    guard let batch = first.first(where: { $0.symbol != nil }) else { return nil }
    var roles = SampleRoles(of: batch, in: graph)
    guard graph.inputs.allSatisfy({ roles.begin(at: $0) }),
      graph.nodes.allSatisfy({ roles.follow(through: graph[$0]) })
    else { return nil }
    let outputs = graph.outputs.compactMap { roles.entries[$0] }
    guard outputs.count == graph.outputs.count else { return nil }
    self.outputs = outputs
    inputs = graph.inputs.map { roles.entries[$0] }
  }
}

/// What values have to do with the batch: nothing, or one of two.
private struct SampleRoles {
  let batch: Dimension
  let graph: Graph
  /// The values with samples, and how many entries of the first axis are of each.
  private(set) var entries: [ValueID: Int] = [:]
  /// The values that sizes decide, also that of the batch.
  private var sizes: Set<ValueID> = []

  init(of batch: Dimension, in graph: Graph) { (self.batch, self.graph) = (batch, graph) }

  /// False for an input whose sizes may have to do with the batch in another way.
  mutating func begin(at input: ValueID) -> Bool {
    entries[input] = count(of: input)
    return entries[input] != nil || graph[input].type.shape?.sizes != nil
  }

  /// False where a node does not keep samples apart.
  mutating func follow(through node: Node) -> Bool {
    if node.op is Assign { return false }
    let operands = node.operands.enumerated()
    let samples = Set(operands.filter { $1.map { entries[$0] != nil } ?? false }.map(\.0))
    let shapes = Set(operands.filter { $1.map(sizes.contains) ?? false }.map(\.0))
    if samples.isEmpty && shapes.isEmpty { return true }
    let results = node.results.compactMap { $0 }
    if let counts = counts(of: results, node, samples, shapes) {
      for (result, count) in zip(results, counts) { entries[result] = count }
      return true
    }
    guard samples.isEmpty || node.op is ShapeOp || node.op is Size else { return false }
    sizes.formUnion(results)
    return true
  }

  /// How many entries a sample has of each result; `nil` where the results have no samples.
  private func counts(
    of results: [ValueID], _ node: Node, _ samples: Set<Int>, _ shapes: Set<Int>
  ) -> [Int]? {
    guard let op = node.op as? any KeepsSamplesApart,
      Set(samples.map { node.operands[$0].flatMap { entries[$0] } }).count < 2,
      shapes.allSatisfy({ $0 == type(of: op).shapeOperand }),
      op.keepsSamplesApart(
        samples, graph.operands(node.operands, resultCount: node.results.count))
    else { return nil }
    let counts = results.compactMap(count)
    return counts.count == results.count ? counts : nil
  }

  /// How many entries of the first axis a sample has, where the first dimension is a multiple of the
  /// batch, and no other one knows of it.
  private func count(of value: ValueID) -> Int? {
    guard let shape = graph[value].type.shape, let first = shape.dimensions.first,
      let count = first.divided(by: batch)?.size, count > 0,
      let symbol = batch.symbol,
      !shape.dimensions.dropFirst().contains(where: { $0.freeSymbols.contains(symbol) })
    else { return nil }
    return count
  }
}
