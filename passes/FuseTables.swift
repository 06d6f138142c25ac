import QATCore
import QATIR
import QATRewrite
import QATRuntime

/// Replaces what computes on each code by itself by a table of all 256 results.
///
///     %1 = DequantizeLinear(%x, %scale, %zero)
///     %2 = Erf(%1)
///     %q = QuantizeLinear(%2, %scale.1, %zero.1)
///     ->
///     %q = qat.CodeTable(%x, %table)
///
/// However many operations lie between, in a chain or not, as long as each element of the result
/// depends on one code of one value and on scalar constants: a GELU that was exported in pieces is one
/// table. The table holds what a session computes for every code.
public struct FuseTables: Pass {
  public static let name: PassName = "fuse-tables"
  public static let summary = "replace functions of single codes by tables"
  public static let effect: Effect = .exact
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    let roots = CodeRoots(of: graph)
    var editor = GraphEditor(graph)
    for id in graph.nodes {
      guard let first = graph[id].results.first, let result = first, let root = roots[result],
        graph.isCodes(result), !(graph[id].op is Identity),
        graph.isOutput(result)
          || graph.users(of: result).contains(where: { user in
            graph[user].results.contains { $0.map { roots[$0] } != root }
          })
      else { continue }
      let table = try roots.table(of: result, in: graph)
      editor.replace(id, with: CodeTable(), [Term(root), .constant(table, name: "table")])
    }
    if let failure = editor.builder.failure { throw failure }
    graph = editor.graph
    try EliminateDeadNodes().run(on: &graph, &context)
  }
}

/// For each value that is a function of single codes: the codes.
private struct CodeRoots {
  private var roots: [ValueID: ValueID] = [:]

  subscript(value: ValueID) -> ValueID? { roots[value] }

  init(of graph: Graph) {
    for id in graph.nodes {
      let node = graph[id]
      guard node.op.worksOnElements, node.results.count == 1, let result = node.results[0],
        let shape = graph[result].type.shape
      else { continue }
      var found: Set<ValueID> = []
      let fits = node.operands.allSatisfy { operand in
        guard let operand else { return true }
        if let constant = graph[operand].constant { return constant.elementCount == 1 }
        guard let root = roots[operand] ?? (graph.isCodes(operand) ? operand : nil) else {
          return false
        }
        found.insert(root)
        return graph[operand].type.shape == shape
      }
      // The rule of a sum depends on whether rows have more than one element.
      guard fits, found.count == 1, let root = found.first,
        !(node.op is QLinearAdd) || shape.dimensions.last?.size ?? 1 > 1
      else { continue }
      roots[result] = root
    }
  }

  /// What the value is for each code of its root, by bit pattern.
  func table(of value: ValueID, in graph: Graph) throws(Diagnostic) -> AnyTensor {
    guard let root = roots[value] else { preconditionFailure("a function of codes") }
    let element = graph[root].type.element
    let codes = (0..<256).map { element == .i8 && $0 > 127 ? $0 - 256 : $0 }
    var builder = GraphBuilder(Graph(name: "table"))
    let input = builder.graph.addInput("codes", TensorType(element, [256]))
    var known: [ValueID: ValueID] = [root: input]
    let needed = ancestors(of: value, in: graph)
    for id in graph.nodes where needed.contains(id) {
      let operands = graph[id].operands.map { operand in
        operand.map { operand in
          if let mapped = known[operand] { return mapped }
          guard let constant = graph[operand].constant else {
            preconditionFailure("a function of codes")
          }
          return builder.constant(constant)
        }
      }
      known[graph[id].result] = builder.emit(graph[id].op, operands)
    }
    if let failure = builder.failure { throw failure }
    guard let result = known[value] else { preconditionFailure("computed by a node") }
    builder.graph.setOutputs([result])
    let inputs = ["codes": AnyTensor(element, shape: [256], integers: codes)]
    let results = try Session(builder.graph, threads: 1).run(inputs)[0]
    // Constants of more axes leave theirs in the shape.
    return AnyTensor(results.element, shape: [256], integers: results.integers ?? [])
  }

  /// The nodes between the root and a value.
  private func ancestors(of value: ValueID, in graph: Graph) -> Set<NodeID> {
    var pending = [value], found: Set<NodeID> = []
    while let next = pending.popLast() {
      guard roots[next] != nil, let producer = graph.producer(of: next),
        found.insert(producer).inserted
      else { continue }
      pending += graph[producer].operands.compactMap { $0 }
    }
    return found
  }
}

extension Graph {
  /// Whether a value is of 8-bit codes that a node or an input gives.
  fileprivate func isCodes(_ value: ValueID) -> Bool {
    Set<ElementType>.codes8.contains(self[value].type.element) && !isParameter(value)
  }
}

extension Operation {
  /// Whether each element of the result depends on one element of each operand.
  fileprivate var worksOnElements: Bool {
    switch self {
    case let op as QuantizeLinear: op.blockSize == 0
    case let op as DequantizeLinear: op.blockSize == 0
    default: self is any WorksOnElements
    }
  }
}
