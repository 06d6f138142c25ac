import QATCore
import QATConfig
import QATIR
import QATRewrite
import QATRuntime

/// Puts fake-quantizers on the activations, weights and biases of the layers that are to be quantized.
///
///     %y = Conv(%x, %w, %b)
///     ->
///     %min1, %max1, %n1 = qat.Observe(%x, %x.min, %x.max, %x.batches)
///     %s, %z = qat.ScaleFromRange(%min1, %max1) {grid = "u8", scheme = "asymmetric"}
///     %1 = qat.FakeQuantize(%x, %s, %z) {grid = "u8"}
///     %min2, %max2 = qat.MinMax(%w) {axis = 0}
///     %s2, %z2 = qat.ScaleFromRange(%min2, %max2) {grid = "i8n"}
///     %2 = qat.FakeQuantize(%w, %s2, %z2) {grid = "i8n", axis = 0}
///     %3 = qat.FakeQuantizeBias(%b, %s, %s2)
///     %y = Conv(%1, %2, %3)                       // and the same for %y itself
///
/// Where the settings say `lsq`, `lsq+` or `pact`, the scale comes from variables that are trained:
///
///     %p, %h, %i, %n = qat.LearnRange(%x, %x.step, %x.zero, %x.initial, %x.batches) {method = "lsq"}
///     %s, %z = qat.ScaleFromLearned(%p, %h)
///     %1 = qat.FakeQuantize(%x, %s, %z) {straight_through = "lsq"}
///
/// The result of a product is quantized behind the batch-norm and the Relu or Clip that alone reads
/// it. A value has one quantizer; where layers ask for different grids, that of the product which
/// reads it counts, also through a MaxPool or Flatten that it alone is behind. Expects the settings that
/// `apply-layer-config` notes on the nodes.
///
/// A value that is read by activations alone which do not change outside of a range (`SettlesOutside`: a
/// HardSwish below -3) has its observed range cut there, and the codes for what matters.
///
/// Weights with a scale per group have one for each run of `block_size` input channels, at each output
/// channel and each position of a kernel (ONNX's blocks); their products compute in float, so their
/// biases stay in float too. With a single input channel a group would be one weight: such a layer gets
/// a scale per channel, and a remark. Recurrent layers have quantizers on their weights alone.
///
/// Bodies of control flow are quantized like graphs of their own. The state of their observers is in
/// variables of the graph, which they capture; scales in them are not learned.
public struct InsertFakeQuant: Pass {
  public static let name: PassName = "insert-fake-quant"
  public static let summary = "insert fake-quantizers by the layers' settings"
  public static let effect: Effect = .changesNumerics("values are rounded to integer grids")

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    guard try quantize(&graph, isBody: false, &context).isChanged else {
      throw Diagnostic(
        .configuration, "nothing is to be quantized",
        hint: "run apply-layer-config first, and look at its rules")
    }
  }

  /// Quantizes a graph and the bodies of control flow in it.
  /// - Returns: whether there was something to quantize; and the state of observers that a body is to
  ///   capture, as constants of it.
  private func quantize(
    _ graph: inout Graph, isBody: Bool, _ context: inout PassContext
  ) throws(Diagnostic) -> (isChanged: Bool, state: [ValueID]) {
    var plan = Placement(graph)
    plan.decide()
    for (node, message) in plan.remarks { context.remark(.warning, node: node, message) }
    var inserter = Inserter(graph, isBody: isBody)
    for value in plan.activations { try inserter.quantizeActivation(value) }
    for weight in plan.weights { try inserter.quantizeWeight(weight) }
    for bias in plan.biases { inserter.quantizeBias(bias) }
    for norm in plan.norms { inserter.quantizeFoldedBias(norm) }
    var isChanged = !plan.isEmpty
    for id in graph.nodes {
      var states: [[ValueID]] = []
      try inserter.builder.graph.mapBodies(of: id) { body throws(Diagnostic) in
        let (isBodyChanged, state) = try quantize(&body, isBody: true, &context)
        isChanged = isChanged || isBodyChanged
        states.append(state)
      }
      inserter.capture(states, in: id)
    }
    if let failure = inserter.builder.failure { throw failure }
    guard isChanged else { return (false, []) }
    graph = inserter.builder.graph
    // Every quantizer must stand before its readers, also where a reader stood in front of it.
    try graph.inferTypes()
    return (true, inserter.bodyState)
  }
}

/// Which values get a quantizer, and on which settings.
private struct Placement {
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

/// Emits the quantizers.
private struct Inserter {
  var builder: GraphBuilder
  /// The scale that an operand of a node is on now.
  private var scales: [ValueID: ValueID] = [:]

  private let isBody: Bool
  /// In a body: what it is to capture, as constants so far.
  private(set) var bodyState: [ValueID] = []

  init(_ graph: Graph, isBody: Bool) {
    builder = GraphBuilder(graph)
    self.isBody = isBody
  }

  /// What an observer knows: a variable, and in a body a constant in the place of one.
  private mutating func newState(_ name: String, _ tensor: AnyTensor) -> ValueID {
    let name = builder.graph.freeValueName(name)
    guard isBody else { return builder.graph.addVariable(name, tensor) }
    let value = builder.graph.addConstant(name, tensor)
    bodyState.append(value)
    return value
  }

  /// Lets each body of a node capture its state.
  mutating func capture(_ states: [[ValueID]], in id: NodeID) {
    for (body, state) in states.enumerated() {
      for inner in state {
        guard let flow = builder.graph[id].op as? any ControlFlow,
          let tensor = flow.bodies[body][inner].constant
        else { continue }
        let outer = newState(flow.bodies[body][inner].name, tensor)
        builder.graph.capture(outer, as: inner, inBody: body, of: id)
      }
    }
  }

  private func checkLearning(of value: ValueID) throws(Diagnostic) {
    guard isBody else { return }
    throw Diagnostic(
      .unsupported, "the scale of a value in a body of control flow can't be learned",
      at: "value '\(builder.graph[value].name)'", hint: "give its layer an observer instead")
  }

  mutating func quantizeActivation(_ activation: Placement.Activation) throws(Diagnostic) {
    let value = activation.value, name = builder.graph[value].name
    let readers = Set(builder.graph.users(of: value))
    let wanted = activation.readers.map { $0.intersection(readers) } ?? readers
    let wasOutput = builder.graph.isOutput(value) && activation.readers == nil
    builder.insertionPoint = firstNode(after: value)
    builder.namePrefix = name + "."
    let cut = wasOutput ? (lowest: nil, highest: nil) : builder.graph.sensitiveRange(of: wanted)
    let (op, operands) = try quantizer(of: activation, name: name, cut: cut)
    let scale = operands[0]
    let quantized = builder.emit(op, [value] + operands, name: name + ".quantized")
    if let node = builder.graph.producer(of: quantized) {
      builder.graph.setMetadata("qat.decided-by", of: node, to: activation.decidedBy)
    }
    scales[quantized] = scale
    for reader in wanted {
      for (index, operand) in builder.graph[reader].operands.enumerated() where operand == value {
        builder.graph.setOperand(index, of: reader, to: quantized)
      }
    }
    guard wasOutput else { return }
    builder.graph.setOutputs(builder.graph.outputs.map { $0 == value ? quantized : $0 })
    builder.graph.rename(value, to: builder.graph.freeValueName(name + ".float"))
    builder.graph.rename(quantized, to: name)
  }

  /// The quantizer, its scale and zero point: given, of a parameter's own range, of an observed range,
  /// or learned.
  /// - Parameter cut: where a range ends at the latest.
  private mutating func quantizer(
    of activation: Placement.Activation, name: String, cut: (lowest: Float?, highest: Float?)
  ) throws(Diagnostic) -> (FakeQuantize, [ValueID]) {
    let settings = activation.settings
    let op = FakeQuantize(grid: settings.grid, straightThrough: settings.straightThrough)
    if let scale = activation.fixedScale {
      let scale = builder.constant(AnyTensor(scale), name: "scale")
      let zero = builder.constant(AnyTensor(Int32(settings.grid.min)), name: "zero_point")
      return (op, [scale, zero])
    }
    if settings.learned != nil {
      try checkLearning(of: activation.value)
      return try builder.learnedQuantizer(of: activation.value, settings)
    }
    let range: [ValueID]
    if builder.graph.isParameter(activation.value) {
      range = builder.emit(MinMax(), [activation.value], results: 2, name: name + ".range")
    } else {
      range = observedRange(of: activation.value, settings.observe(), shape: [], name: name)
    }
    var scaleFromRange = settings.scaleFromRange
    (scaleFromRange.lowest, scaleFromRange.highest) = cut
    let scale = builder.emit(
      scaleFromRange, [range[0], range[1]], results: 2, name: name + ".scale")
    return (op, scale)
  }

  /// The range that an observer has found, its state in variables.
  /// - Parameter shape: of the range: [], or [C].
  private mutating func observedRange(
    of value: ValueID, _ observe: Observe, shape: [Int], name: String
  ) -> [ValueID] {
    let zeros = AnyTensor(shape: shape, [Float](repeating: 0, count: shape.reduce(1, *)))
    var state: [(String, AnyTensor)] = [
      (".min", zeros), (".max", zeros), (".batches", AnyTensor(Int64(0))),
    ]
    // A parameter is seen whole in each batch: its histograms need not be kept.
    if observe.kind.usesHistogram, !builder.graph.isParameter(value) {
      let bins = [Int64](repeating: 0, count: Histogram.standardBinCount)
      state.append((".bins", AnyTensor(shape: [bins.count], bins)))
      state.append((".extent", AnyTensor(shape: [3], [0, 0, 0] as [Float])))
    }
    let variables = state.map { suffix, tensor in newState(name + suffix, tensor) }
    return builder.emit(
      observe, [value] + variables, results: variables.count, name: name + ".observe")
  }

  mutating func quantizeWeight(_ weight: Placement.Weight) throws(Diagnostic) {
    guard let w = builder.graph[weight.node].operands[weight.operand] else { return }
    let name = builder.graph[w].name
    builder.insertionPoint = weight.node
    builder.namePrefix = name + "."
    let (op, operands) = try quantizer(of: weight, w, name: name)
    let quantized = builder.emit(op, [w] + operands, name: name + ".quantized")
    if let node = builder.graph.producer(of: quantized) {
      builder.graph.setMetadata("qat.decided-by", of: node, to: builder.graph[weight.node].name)
    }
    scales[quantized] = operands[0]
    builder.graph.setOperand(weight.operand, of: weight.node, to: quantized)
  }

  private mutating func quantizer(
    of weight: Placement.Weight, _ w: ValueID, name: String
  ) throws(Diagnostic) -> (FakeQuantize, [ValueID]) {
    if weight.settings.learned != nil {
      try checkLearning(of: w)
      let layer = LayerSettings(metadata: builder.graph[weight.node].metadata)
      return try builder.learnedQuantizer(
        of: w, weight.settings, axis: weight.axis, blockSize: weight.blockSize,
        isFrozen: layer?.trainable == false)
    }
    let channels = weight.axis.flatMap { builder.graph[w].type.shape?[$0].size }
    let range: [ValueID]
    if weight.settings.observer == .minMax || weight.blockSize > 0
      || (channels == nil && weight.axis != nil)
    {
      range = builder.emit(
        MinMax(axis: weight.axis, blockSize: weight.blockSize), [w], results: 2,
        name: name + ".range")
    } else {
      range = observedRange(
        of: w, weight.settings.observe(axis: weight.axis), shape: channels.map { [$0] } ?? [],
        name: name)
    }
    let scale = builder.emit(
      weight.settings.scaleFromRange, [range[0], range[1]], results: 2, name: name + ".scale")
    let op = FakeQuantize(
      grid: weight.settings.grid, axis: weight.axis, blockSize: weight.blockSize,
      straightThrough: weight.settings.straightThrough)
    return (op, scale)
  }

  mutating func quantizeBias(_ bias: Placement.Bias) {
    let operands = builder.graph[bias.node].operands
    guard let b = operands[bias.operand], let x = operands[bias.input],
      let w = operands[bias.weight],
      let inputScale = scales[x], let weightScale = scales[w]
    else { return }
    let name = builder.graph[b].name
    builder.insertionPoint = bias.node
    builder.namePrefix = name + "."
    let quantized = builder.emit(
      FakeQuantizeBias(), [b, inputScale, weightScale], name: name + ".quantized")
    builder.graph.setOperand(bias.operand, of: bias.node, to: quantized)
  }

  /// Moves the bias of a batch-norm by what rounding the folded bias to int32 will move it.
  mutating func quantizeFoldedBias(_ norm: Placement.Norm) {
    let product = builder.graph[norm.product].operands, operands = builder.graph[norm.norm].operands
    guard let op = builder.graph[norm.norm].op as? BatchNormalization, let beta = operands[2],
      let x = product[norm.input], let w = product[norm.weight], let inputScale = scales[x],
      let weightScale = scales[w]
    else { return }
    let name = builder.graph[beta].name
    builder.insertionPoint = norm.norm
    builder.namePrefix = name + "."
    let own = product.count > 2 ? product[2] : nil
    let delta = builder.emit(
      FoldedBiasRounding(epsilon: op.epsilon), operands[1...4] + [inputScale, weightScale, own],
      name: name + ".rounding")
    let moved = builder.emit(Add(), [beta, delta], name: name + ".rounded")
    builder.graph.setOperand(2, of: norm.norm, to: moved)
  }

  /// The place right behind the node that computes a value; the front for inputs and parameters.
  private func firstNode(after value: ValueID) -> NodeID? {
    guard let producer = builder.graph.producer(of: value) else { return builder.graph.firstNodeID }
    return builder.graph.node(after: producer)
  }
}
