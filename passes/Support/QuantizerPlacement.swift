import QATCore
import QATConfig
import QATIR

/// Which values get a quantizer, and on which settings.
struct QuantizerPlacement {
  struct Activation {
    let value: ValueID
    let settings: TensorSettings
    /// A scale that is given instead of observed.
    let fixedScale: Float?
    /// The readers that asked; `nil` for all of them, and the graph's outputs.
    var readers: Set<NodeID>?
    let decidedBy: String
    let isRead: Bool
  }
  struct Weight {
    let node: NodeID
    let operand: Int
    let axis: Int?
    let blockSize: Int
    let settings: TensorSettings
  }
  struct Bias {
    let node: NodeID
    let input: Int, weight: Int, operand: Int
  }
  /// A batch-norm behind a product: folding makes its bias one of the product.
  struct Norm {
    let product: NodeID, norm: NodeID
    let input: Int, weight: Int
  }

  private let graph: Graph
  private var marks: [ValueID: Activation] = [:]
  private(set) var weights: [Weight] = []
  private(set) var biases: [Bias] = []
  private(set) var norms: [Norm] = []
  private(set) var remarks: [(node: String, message: String)] = []

  init(_ graph: Graph) { self.graph = graph }

  var isEmpty: Bool { marks.isEmpty && weights.isEmpty }
  var activations: [Activation] {
    marks.values.sorted { $0.value < $1.value }
  }

  mutating func decide() {
    for id in graph.nodes {
      guard let role = graph.quantizationRole(of: id),
        let settings = LayerSettings(metadata: graph[id].metadata), settings.quantize
      else { continue }
      let operands = graph[id].operands
      switch role {
      case .weighted(let input, let weight, let axis, let bias):
        decideProduct(id, input, weight, axis, bias, settings)
      case .weightsOnly(_, let axis):
        guard let weights = settings.weights else { continue }
        for operand in graph.quantizableWeights(of: id) { decideWeight(id, operand, axis, weights) }
      case .activations(let indices):
        guard let activations = settings.activations else { continue }
        for index in indices { markOperand(operands[index], of: id, activations) }
        markResult(of: id, activations)
      case .fixedResult(let scale):
        guard let activations = settings.activations, activations.grid.bits == 8 else { continue }
        markOperand(operands[0], of: id, activations)
        mark(graph[id].result, activations, by: id, isRead: false, fixedScale: scale)
      case .passThrough, .clamping:
        guard let activations = settings.activations, let x = operands[0], marks[x]?.readers == nil,
          marks[x] != nil
        else { continue }
        for result in graph.floatResults(of: id) { mark(behind: result, of: id, activations) }
      }
    }
    decideInFront()
  }

  /// What a product reads behind operations that pass codes is decided in front of them: there the
  /// quantizer stands that all of them share.
  private mutating func decideInFront() {
    for id in graph.nodes.reversed() {
      guard graph.quantizationRole(of: id) == .passThrough, let x = graph[id].operands[0],
        let behind = graph.floatResults(of: id).compactMap({ marks[$0] }).first(where: \.isRead),
        graph.isUsedOnce(x), let source = marks[x], !source.isRead, source.fixedScale == nil
      else { continue }
      marks[x] = Activation(
        value: x, settings: behind.settings, fixedScale: nil, readers: source.readers,
        decidedBy: behind.decidedBy, isRead: true)
    }
  }

  private mutating func decideProduct(
    _ id: NodeID, _ input: Int, _ weight: Int, _ axis: Int?, _ bias: Int?, _ settings: LayerSettings
  ) {
    let operands = graph[id].operands
    guard let w = operands[weight] else { return }
    let hasWeight = graph.isParameter(w)
    if let activations = settings.activations {
      markOperand(operands[input], of: id, activations, isRead: true)
      if !hasWeight { markOperand(w, of: id, activations, isRead: true) }
      markResult(of: id, activations)
    }
    guard hasWeight, let weights = settings.weights, graph[w].type.element.isFloatingPoint else {
      return
    }
    let isGrouped = decideWeight(id, weight, axis, weights)
    // An int32 bias needs one scale a channel.
    guard settings.activations != nil, settings.quantizeBias, !isGrouped else { return }
    if let norm = soleReader(of: graph[id].result, is: BatchNormalization.self),
      weights.isPerChannel, weights.isSymmetric, weights.grid.isNegatable,
      graph[norm].operands.allSatisfy({
        $0 == graph[id].result || $0.map { graph.isParameter($0) } ?? false
      })
    {
      norms.append(Norm(product: id, norm: norm, input: input, weight: weight))
    }
    if let bias, bias < operands.count,
      let b = operands[bias], graph.isParameter(b), graph[b].type.shape?.rank == 1,
      soleReader(of: graph[id].result, is: BatchNormalization.self) == nil
    {
      biases.append(Bias(node: id, input: input, weight: weight, operand: bias))
    }
  }

  /// - Returns: whether groups of input channels have a scale each.
  @discardableResult
  private mutating func decideWeight(
    _ id: NodeID, _ operand: Int, _ axis: Int?, _ settings: TensorSettings
  ) -> Bool {
    guard let w = graph[id].operands[operand], graph[w].type.element.isFloatingPoint else {
      return false
    }
    let group = group(of: id, w, settings)
    weights.append(
      Weight(
        node: id, operand: operand,
        axis: group ?? (settings.isPerChannel || settings.blockSize > 0 ? axis : nil),
        blockSize: group == nil ? 0 : settings.blockSize, settings: settings))
    return group != nil
  }

  /// The axis along which a weight has groups; `nil`, with a remark where groups were asked for, where
  /// it has none.
  private mutating func group(
    of id: NodeID, _ w: ValueID, _ settings: TensorSettings
  ) -> Int? {
    guard settings.blockSize > 0 else { return nil }
    guard let axis = graph.groupAxis(of: id), let shape = graph[w].type.shape,
      let channels = shape[axis].size
    else {
      remarks.append((graph[id].name, "its weight has no axis of groups: one scale a channel"))
      return nil
    }
    if channels > 1 { return axis }
    remarks.append(
      (
        graph[id].name,
        "with one input channel, a group would be one weight: one scale a channel instead"
      ))
    return nil
  }

  private mutating func markOperand(
    _ operand: ValueID?, of id: NodeID, _ settings: TensorSettings, isRead: Bool = false
  ) {
    guard let operand, graph[operand].type.element.isFloatingPoint else { return }
    mark(operand, settings, by: id, isRead: isRead, readers: [id])
  }

  private mutating func markResult(of id: NodeID, _ settings: TensorSettings) {
    mark(behind: graph[id].result, of: id, settings)
  }

  /// Marks a result, or what is left of it behind the batch-norm and activation that alone read it.
  private mutating func mark(
    behind result: ValueID, of id: NodeID, _ settings: TensorSettings
  ) {
    var value = result
    let norm =
      soleReader(of: value, is: BatchNormalization.self)
      ?? soleReader(of: value, is: FoldedBatchNormalization.self)
    if let norm { value = graph[norm].result }
    // A quantizer clamps at the lowest code; that does the work of a Relu where the code stands for 0.
    if settings.endsAtZero, let reader = graph.users(of: value).first, graph.isUsedOnce(value),
      graph.quantizationRole(of: reader) == .clamping, graph[reader].operands[0] == value
    {
      value = graph[reader].result
    }
    mark(value, settings, by: id, isRead: false)
  }

  private mutating func mark(
    _ value: ValueID, _ settings: TensorSettings, by id: NodeID, isRead: Bool,
    readers: Set<NodeID>? = nil, fixedScale: Float? = nil
  ) {
    guard graph[value].type.element.isFloatingPoint else { return }
    // What another layer computes and quantizes anyway is quantized for all its readers.
    let new = Activation(
      value: value, settings: settings, fixedScale: fixedScale, readers: readers,
      decidedBy: graph[id].name, isRead: isRead)
    guard let old = marks[value] else { marks[value] = new; return }
    let winner = isRead && !old.isRead && old.fixedScale == nil ? new : old
    var merged = winner
    if let a = old.readers, let b = readers {
      merged.readers = a.union(b)
    } else {
      merged.readers = nil
    }
    marks[value] = merged
  }

  private func soleReader<Op: Operation>(of value: ValueID, is: Op.Type) -> NodeID? {
    guard graph.isUsedOnce(value), let reader = graph.users(of: value).first, graph[reader].op is Op
    else {
      return nil
    }
    return reader
  }
}
