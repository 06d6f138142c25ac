import QATCore
import QATIR
import QATRewrite

/// Lets integer regions compute on images whose channels come last, as the kernels do.
///
///     %2 = QLinearConv(%1, ...)                           // u8[N, C, H, W]
///     ->
///     %3 = Transpose(%1) {perm = [0, 2, 3, 1]}
///     %4 = qat.NhwcQLinearConv(%3, ...)
///     %2 = Transpose(%4) {perm = [0, 3, 1, 2]}
///
/// Images are transposed in front of the first convolution and behind the last operation that works
/// on them; poolings, sums, concatenations and what works on single elements go along. A matrix that
/// a flattened image is multiplied with has its rows in the other order instead.
public struct AssignLayout: Pass {
  public static let name: PassName = "assign-layout"
  public static let summary = "compute on images with channels last"
  public static let effect: Effect = .exact

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    guard
      graph.nodes.contains(where: {
        (graph[$0].op as? any HasChannelsLastForm).map { type(of: $0).isWorthTransposing } ?? false
      })
    else { return }
    var layout = Layout(GraphEditor(graph))
    for id in graph.nodes where layout.editor.graph.contains(id) {
      layout.convert(id)
      layout.flatten(id)
    }
    if let failure = layout.editor.builder.failure { throw failure }
    graph = layout.editor.graph
    try EliminateDeadNodes().run(on: &graph, &context)
  }
}

private struct Layout {
  var editor: GraphEditor
  /// What a value is with its channels last.
  private var last: [ValueID: ValueID] = [:]

  init(_ editor: GraphEditor) { self.editor = editor }

  /// Lets a node compute on channels last, where it can and its images are there.
  mutating func convert(_ id: NodeID) {
    let node = editor.graph[id]
    guard let op = node.op as? any HasChannelsLastForm, node.results.compactMap({ $0 }).count == 1
    else { return }
    let images = op.images(node.operands).compactMap { index in
      node.operands[index].map { (index, $0) }
    }
    let types = images.map { editor.graph[$0.1].type }
    guard types.allSatisfy({ $0.shape?.rank == 4 }), let form = op.channelsLast(types),
      type(of: op).isWorthTransposing || images.allSatisfy({ last[$0.1] != nil })
    else { return }
    let name = node.name
    editor.begin(at: id)
    var operands = node.operands
    for (index, image) in images { operands[index] = channelsLast(image) }
    let result = editor.builder.emit(form, operands)
    editor.replace(id, with: Transpose(perm: [0, 3, 1, 2]), [Term(result)])
    guard let computed = editor.graph.producer(of: result),
      let reader = editor.graph.users(of: result).first
    else { return }
    last[editor.graph[reader].result] = result
    // The computation goes on under the node's name, the value under that of the value.
    editor.builder.graph.rename(reader, to: editor.graph.freeNodeName(name + ".transposed"))
    editor.builder.graph.rename(computed, to: name)
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
        readers.allSatisfy({ isProduct($0, of: graph[id].result) })
      else { return }
      for reader in readers { reorder(reader, channels, height, width) }
    }
    editor.setOperand(0, of: id, to: Term(image))
  }

  /// Whether a node multiplies the rows of `x` with a constant matrix.
  private func isProduct(_ id: NodeID, of x: ValueID) -> Bool {
    let node = editor.graph[id]
    guard let op = node.op as? QGemm, !op.transA, node.operands[0] == x,
      let b = node.operands[3], b != x
    else { return false }
    return editor.graph[b].constant != nil
  }

  private mutating func reorder(_ id: NodeID, _ channels: Int, _ height: Int, _ width: Int) {
    guard let op = editor.graph[id].op as? QGemm, let b = editor.graph[id].operands[3],
      let columns = editor.graph[b].constant?.shape[op.transB ? 0 : 1]
    else { return }
    func sizes(_ list: [Int]) -> Term {
      .constant(AnyTensor(shape: [list.count], list.map(Int64.init)))
    }
    let image = [channels, height, width]
    let whole = op.transB ? [columns] + image : image + [columns]
    let order = op.transB ? [0, 2, 3, 1] : [1, 2, 0, 3]
    let flat = op.transB ? [columns, image.reduce(1, *)] : [image.reduce(1, *), columns]
    editor.setOperand(
      3, of: id,
      to: .op(
        Reshape(),
        [
          .op(Transpose(perm: order), [.op(Reshape(), [Term(b), sizes(whole)])]), sizes(flat),
        ]))
  }
}
