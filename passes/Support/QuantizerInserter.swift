import QATCore
import QATConfig
import QATIR
import QATRuntime

/// Emits the quantizers.
struct QuantizerInserter {
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
        guard let flow = builder.graph[id].op.controlFlow,
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

  mutating func quantizeActivation(_ activation: QuantizerPlacement.Activation) throws(Diagnostic) {
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
    of activation: QuantizerPlacement.Activation, name: String,
    cut: (lowest: Float?, highest: Float?)
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

  mutating func quantizeWeight(_ weight: QuantizerPlacement.Weight) throws(Diagnostic) {
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
    of weight: QuantizerPlacement.Weight, _ w: ValueID, name: String
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

  mutating func quantizeBias(_ bias: QuantizerPlacement.Bias) {
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
  mutating func quantizeFoldedBias(_ norm: QuantizerPlacement.Norm) {
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
