import QATCore
import QATIR
import QATRewrite

/// Lets operations compute on images whose channels come last, as the kernels do.
///
///     %2 = QLinearConv(%1, ...)                           // u8[N, C, H, W]
///     ->
///     %3 = Transpose(%1) {perm = [0, 2, 3, 1]}
///     %4 = qat.NhwcQLinearConv(%3, ...)
///     %2 = Transpose(%4) {perm = [0, 3, 1, 2]}
///
/// Images are transposed in front of the first convolution and behind the last operation that works
/// on them; poolings, sums, concatenations and what works on single elements go along, and so do the
/// gradients of all these. A matrix that a flattened image is multiplied with has its rows in the
/// other order instead.
public struct AssignLayout: Pass {
  public static let name: PassName = "assign-layout"
  public static let summary = "compute on images with channels last"
  // Floats are summed in another order.
  public static let effect: Effect = .within(relativeTolerance: 1e-5)
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    guard graph.nodes.contains(where: { graph.isWorthTransposing($0) }) else { return }
    var layout = Layout(GraphEditor(graph))
    for id in graph.nodes where layout.editor.graph.contains(id) {
      try layout.convert(id)
      layout.flatten(id)
    }
    if let failure = layout.editor.builder.failure { throw failure }
    graph = layout.editor.graph
    try EliminateDeadNodes().run(on: &graph, &context)
  }
}

extension Graph {
  fileprivate func isWorthTransposing(_ id: NodeID) -> Bool {
    self[id].op.channelsLastForm.map { type(of: $0).isWorthTransposing } ?? false
  }
}

private struct Layout {
  var editor: GraphEditor
  /// What a value is with its channels last.
  private var last: [ValueID: ValueID] = [:]

  init(_ editor: GraphEditor) { self.editor = editor }

  /// Lets a node compute on channels last, where it can and one of its images has them so.
  mutating func convert(_ id: NodeID) throws(Diagnostic) {
    let node = editor.graph[id]
    guard let op = node.op.channelsLastForm else { return }
    let types = node.operands.map { $0.map { editor.graph[$0].type } }
    let images = op.images(types)
    guard !images.isEmpty, images.allSatisfy({ types[$0]?.shape?.rank == 4 }),
      let form = op.channelsLast(types),
      editor.graph.isWorthTransposing(id)
        || images.contains(where: { node.operands[$0].map { last[$0] != nil } ?? false })
    else { return }
    editor.begin(at: id)
    var operands = node.operands
    for index in images { operands[index] = operands[index].map { channelsLast($0) } }
    let results = editor.builder.emit(form, operands, results: node.results.count)
    guard let computed = editor.graph.producer(of: results[0]) else { return }
    for (index, old) in node.results.enumerated() {
      guard let old else { continue }
      let name = editor.graph[old].name
      var new = results[index]
      if op.imageResults.contains(index) {
        new = editor.builder.emit(Transpose(perm: [0, 3, 1, 2]), [new])
        last[new] = results[index]
        if let transpose = editor.graph.producer(of: new) {
          let name = editor.graph.freeNodeName(node.name + ".transposed")
          editor.builder.graph.rename(transpose, to: name)
        }
      }
      try editor.builder.graph.replaceAllUses(of: old, with: new)
      if editor.graph[new].name != name {
        editor.builder.graph.rename(old, to: editor.graph.freeValueName(name + ".replaced"))
        editor.builder.graph.rename(new, to: name)
      }
    }
    // The computation goes on under the node's name.
    editor.builder.graph.remove(id)
    editor.builder.graph.rename(computed, to: node.name)
    editor.builder.graph.setOrigins(of: computed, to: node.origins)
    for (key, value) in node.metadata {
      editor.builder.graph.setMetadata(key, of: computed, to: value)
    }
  }

  private mutating func channelsLast(_ image: ValueID) -> ValueID {
    if let known = last[image] { return known }
    let result = editor.builder.emit(Transpose(perm: [0, 2, 3, 1]), [image])
    last[image] = result
    return result
  }

  /// Flattens an image as it lies, where that is the same or a matrix can have its rows reordered.
  mutating func flatten(_ id: NodeID) {
    let graph = editor.graph
    guard graph.contains(id), graph[id].op is Flatten || graph[id].op is Reshape,
      let x = graph[id].operands[0], let image = last[x], let shape = graph[x].type.shape,
      let channels = shape[1].size, let height = shape[2].size, let width = shape[3].size,
      let result = graph[graph[id].result].type.shape, result.rank == 2,
      result[1].size == channels * height * width
    else { return }
    if height * width > 1 {
      let readers = graph.users(of: graph[id].result)
      guard !graph.isOutput(graph[id].result), !readers.isEmpty,
        readers.allSatisfy({ matrix(of: $0, by: graph[id].result) != nil })
      else { return }
      for reader in readers { reorder(reader, channels, height, width) }
    }
    editor.setOperand(0, of: id, to: Term(image))
  }

  /// The constant matrix that a node multiplies the rows of `x` with: which operand, and whether it is
  /// transposed.
  private func matrix(of id: NodeID, by x: ValueID) -> (operand: Int, isTransposed: Bool)? {
    let node = editor.graph[id]
    guard node.operands[0] == x else { return nil }
    let found: (Int, Bool)
    switch node.op {
    case let op as QGemm where !op.transA: found = (3, op.transB)
    case let op as Gemm where !op.transA: found = (1, op.transB)
    default: return nil
    }
    guard let b = node.operands[found.0], editor.graph[b].constant != nil else { return nil }
    return found
  }

  private mutating func reorder(_ id: NodeID, _ channels: Int, _ height: Int, _ width: Int) {
    guard let x = editor.graph[id].operands[0], let (operand, isTransposed) = matrix(of: id, by: x),
      let b = editor.graph[id].operands[operand],
      let columns = editor.graph[b].constant?.shape[isTransposed ? 0 : 1]
    else { return }
    func sizes(_ list: [Int]) -> Term {
      .constant(AnyTensor(shape: [list.count], list.map(Int64.init)))
    }
    let image = [channels, height, width]
    let whole = isTransposed ? [columns] + image : image + [columns]
    let order = isTransposed ? [0, 2, 3, 1] : [1, 2, 0, 3]
    let flat = isTransposed ? [columns, image.reduce(1, *)] : [image.reduce(1, *), columns]
    let parts: Term = .op(Reshape(), [Term(b), sizes(whole)])
    editor.setOperand(
      operand, of: id, to: .op(Reshape(), [.op(Transpose(perm: order), [parts]), sizes(flat)]))
  }
}
