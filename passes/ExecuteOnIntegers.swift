import QATCore
import QATIR
import QATRewrite

/// Lets the forward pass of training multiply codes where both factors are fake-quantized, and keeps
/// codes and one bit an element for the backward pass.
///
///     %1 = qat.FakeQuantize(%x, %s, %z) {grid = u8}
///     %2 = qat.FakeQuantize(%w, %t, %0) {grid = i8, axis = 0}
///     %y = Conv(%1, %2, %b)
///     %g = qat.FakeQuantizeGradient(%d, %x, %s, %z) {grid = u8}
///     %h = qat.NhwcConvWeightGradient(%e, %1, %2)
///     ->
///     %q, %m = qat.QuantizeWithMask(%x, %s, %z) {grid = u8}
///     %r = qat.QuantizeWithMask(%w, %t, %0) {grid = i8, axis = 0}
///     %y = qat.ConvIntegerToFloat(%q, %s, %z, %r, %t, %b)
///     %g = qat.ApplyMask(%d, %m)
///     %h = qat.NhwcConvWeightGradientOfCodes(%e, %q, %w, %s, %z)
///
/// What reads numbers alone has a `qat.DequantizeCodes` in front of it. Sums of products of codes are
/// exact; floats round them on the way. Products of grids of more than 8 bits, of weights whose zero
/// point is not 0, and of what is not quantized stay as they are.
///
/// Where `x` is the result of a Relu, its bit serves the gradient of the Relu, too, and no float of the
/// layer's input is kept; a learned quantizer keeps its floats, and its gradient serves that of the
/// Relu. Weights on a symmetric grid over their own range never saturate: they have no mask, and their
/// gradient is what it is given.
public struct ExecuteOnIntegers: Pass {
  public static let name: PassName = "execute-on-integers"
  public static let summary = "train on the integer kernels where factors are fake-quantized"
  // Floats are summed in another order.
  public static let effect: Effect = .within(relativeTolerance: 1e-5)

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    var split = SplitQuantizers(graph)
    for id in graph.nodes { split.passOn(id) }
    for quantizer in split.quantizers { split.keepMask(of: quantizer) }
    for id in graph.nodes { split.joinRelu(to: id) }
    for id in graph.nodes { split.multiply(id) }
    for quantizer in split.quantizers { split.dequantize(quantizer) }
    if let failure = split.editor.builder.failure { throw failure }
    graph = split.editor.graph
    try EliminateDeadNodes().run(on: &graph, &context)
  }
}

/// Fake-quantizers that become codes.
private struct SplitQuantizers {
  /// One as it was: replacing its readers may remove it.
  struct Quantizer {
    let id: NodeID, op: FakeQuantize, operands: [ValueID], result: ValueID
    /// Whether a product reads its codes.
    let isFactor: Bool
    /// Its gradients that a mask serves, and the Relus' behind them, where each has one.
    let gradients: [NodeID], relus: [NodeID]?

    init?(_ id: NodeID, in graph: Graph) {
      guard graph.hasCodes(id), let op = graph[id].op as? FakeQuantize else { return nil }
      (self.id, self.op, result) = (id, op, graph[id].result)
      let operands = graph[id].operands.prefix(3).compactMap(\.self), x = operands[0]
      self.operands = operands
      let keepsMask = op.axis == nil && op.learned == nil && !graph.isParameter(x)
      let gradients = graph.users(of: x).filter { keepsMask && graph.isGradient($0, of: id) }
      let relus = gradients.compactMap { graph.reluGradient(behind: $0, of: x) }
      self.gradients = gradients
      let readers = graph.users(of: result)
      let transposed = readers.filter { graph[$0].op is Transpose }.flatMap {
        graph.users(of: graph[$0].result)
      }
      isFactor = (readers + transposed).contains { graph.integerProduct($0) != nil }
      self.relus = relus.count == gradients.count ? relus : nil
    }
  }

  var editor: GraphEditor
  let quantizers: [Quantizer]
  private let order: [NodeID: Int]
  /// Behind it everything is backward.
  private let loss: Int
  /// The nodes that make the codes of fake-quantizers.
  private var codes: [NodeID: NodeID] = [:]

  init(_ graph: Graph) {
    editor = GraphEditor(graph)
    let order = Dictionary(uniqueKeysWithValues: graph.nodes.enumerated().map { ($1, $0) })
    let last = graph.outputs.first.flatMap { graph.producer(of: $0) }
    loss = last.flatMap { order[$0] } ?? order.count
    self.order = order
    quantizers = graph.nodes.compactMap { Quantizer($0, in: graph) }
  }

  /// Removes the gradients of a fake-quantizer that never saturates: they are what they are given.
  mutating func passOn(_ id: NodeID) {
    guard editor.graph.contains(id), editor.graph.neverSaturates(id),
      let x = editor.graph[id].operands[0]
    else { return }
    for gradient in editor.graph.users(of: x) where editor.graph.isGradient(gradient, of: id) {
      guard let dy = editor.graph[gradient].operands[0] else { continue }
      editor.replace(gradient, with: Term(dy))
    }
  }

  /// Makes codes, with the mask that gradients read instead of what was rounded.
  mutating func keepMask(of quantizer: Quantizer) {
    guard quantizer.isFactor || !quantizer.gradients.isEmpty else { return }
    var op = QuantizeWithMask(grid: quantizer.op.grid, axis: quantizer.op.axis)
    op.positive = quantizer.relus != nil && !quantizer.gradients.isEmpty
    editor.begin(at: quantizer.id)
    let results = editor.builder.emit(
      op, quantizer.operands, results: quantizer.gradients.isEmpty ? 1 : 2,
      name: editor.graph[quantizer.result].name + ".codes")
    codes[quantizer.id] = editor.graph.producer(of: results[0])
    for (index, gradient) in quantizer.gradients.enumerated() {
      guard let dy = editor.graph[gradient].operands[0] else { continue }
      let node = quantizer.relus?[index] ?? gradient
      editor.replace(node, with: ApplyMask(), [Term(dy), Term(results[1])])
    }
  }

  /// Lets the gradient of a learned quantizer be that of the Relu in front of it, too.
  mutating func joinRelu(to id: NodeID) {
    guard editor.graph.contains(id), var op = editor.graph[id].op as? LearnedQuantizeGradient,
      let x = editor.graph[id].operands[1],
      let relu = editor.graph.reluGradient(behind: id, of: x)
    else { return }
    op.positive = true
    editor.setOperation(of: id, to: op)
    editor.replace(relu, with: Term(editor.graph[id].result))
  }

  /// Replaces a product of fake-quantized factors.
  mutating func multiply(_ id: NodeID) {
    guard editor.graph.contains(id), let product = editor.graph.integerProduct(id) else { return }
    let node = editor.graph[id]
    guard let x = quantized(node.operands[0]), let w = quantized(node.operands[1]) else { return }
    // Codes are multiplied as they are.
    editor.builder.graph.setMetadata(Node.precisionNote, of: id, to: nil)
    let bias = node.operands.count > 2 ? node.operands[2] : nil
    let parameters = [x.node.operands[1], x.node.operands[2], w.node.operands[1], bias].map {
      $0.map { Term($0) }
    }
    editor.replace(
      id, with: product,
      [x.codes, parameters[0], parameters[1], w.codes, parameters[2], parameters[3]])
    // Not under that of a Transpose that went along.
    if let new = editor.builder.emitted.last, editor.graph.node(named: node.name) == nil {
      editor.builder.graph.rename(new, to: node.name)
    }
  }

  /// The codes of a fake-quantizer's result, transposed as it is, and the node they come from.
  private func quantized(_ value: ValueID?) -> (codes: Term, node: Node)? {
    guard let value, let id = editor.graph.quantizer(of: value), let codes = codes[id] else {
      return nil
    }
    let node = editor.graph[codes]
    guard let (_, op) = editor.graph.operation(Transpose.self, of: value) else {
      return (Term(node.result), node)
    }
    return (.op(op, [Term(node.result)]), node)
  }

  /// Replaces what is left of a fake-quantizer that has codes: forward once, and in gradients those that
  /// read codes, or in front of each, so that floats do not live in between.
  mutating func dequantize(_ quantizer: Quantizer) {
    guard let codes = codes[quantizer.id].map({ editor.graph[$0] }), let x = codes.operands[0],
      editor.graph.contains(quantizer.id)
    else { return }
    let y = quantizer.result
    let parameters = codes.operands[1...].map { $0.map { Term($0) } }
    let numbers = Term.op(
      DequantizeCodes(axis: quantizer.op.axis), [Term(codes.result)] + parameters)
    for user in editor.graph.users(of: y) {
      for (index, operand) in editor.graph[user].operands.enumerated() where operand == y {
        let shapes = editor.graph[user].op as? any ReadsShapes
        if shapes?.readsShapeAlone(of: index) ?? false {
          editor.setOperand(index, of: user, to: Term(x))
        } else if order[user] ?? 0 > loss {
          let isRead = quantizer.op.axis == nil && read(codes, parameters, at: index, of: user)
          if isRead { break }
          editor.setOperand(index, of: user, to: numbers)
        }
      }
    }
    guard editor.graph.contains(quantizer.id),
      !editor.graph.users(of: y).isEmpty || editor.graph.isOutput(y)
    else { return }
    editor.replace(quantizer.id, with: numbers)
  }

  /// Lets a node read codes of one scale at an operand.
  /// - Returns: whether its operation can.
  private mutating func read(
    _ codes: Node, _ parameters: [Term?], at index: Int, of user: NodeID
  ) -> Bool {
    let node = editor.graph[user]
    guard let op = node.op as? any TakesCodes, type(of: op).codesOperand == index,
      !node.roundsToBfloat16, let reading = op.ofCodes
    else { return false }
    let absent = type(of: op).operands.count - node.operands.count
    var operands = node.operands.map { $0.map { Term($0) } } + Array(repeating: nil, count: absent)
    operands[index] = Term(codes.result)
    editor.replace(user, with: reading, operands + parameters)
    return true
  }
}

extension Graph {
  /// Whether a node is a fake-quantizer that rounds to codes of a byte.
  fileprivate func hasCodes(_ id: NodeID) -> Bool {
    guard let op = self[id].op as? FakeQuantize, !op.bypass, op.grid.bits <= 8, op.blockSize == 0,
      let x = self[id].operands[0]
    else { return false }
    return self[x].type.element == .f32
  }

  /// What a product of fake-quantized factors is on codes.
  fileprivate func integerProduct(_ id: NodeID) -> (any Operation)? {
    let axis: Int, product: any Operation
    switch self[id].op {
    case let op as Conv:
      (axis, product) = (0, ConvIntegerToFloat(op.window, group: op.group))
    case let op as Nhwc<Conv>:
      let conv = ConvIntegerToFloat(op.base.window, group: op.base.group)
      (axis, product) = (0, Nhwc(conv))
    case let op as Gemm where op.alpha == 1 && op.beta == 1 && !op.transA:
      (axis, product) = (op.transB ? 0 : 1, GemmIntegerToFloat(transB: op.transB))
    default: return nil
    }
    guard let x = self[id].operands[0].flatMap({ quantizer(of: $0) }), hasCodes(x),
      (self[x].op as? FakeQuantize)?.axis == nil,
      let (w, weight) = operation(FakeQuantize.self, of: self[id].operands[1]), hasCodes(w),
      weight.axis == nil || weight.axis == axis, weight.grid.min < 0,
      isZeroPoint(self[w].operands[2])
    else { return nil }
    if self[id].operands.count > 2, let bias = self[id].operands[2] {
      guard let shape = self[bias].type.shape, shape.rank == 1,
        shape == self[self[id].result].type.shape?.channels(of: product)
      else { return nil }
    }
    return product
  }

  /// The fake-quantizer that a value comes from, maybe with its axes in another order.
  fileprivate func quantizer(of value: ValueID) -> NodeID? {
    guard let node = producer(of: value) else { return nil }
    if self[node].op is FakeQuantize { return node }
    guard self[node].op is Transpose, let x = self[node].operands[0] else { return nil }
    return operation(FakeQuantize.self, of: x)?.node
  }

  /// Whether no element saturates: a weight on a symmetric grid over its own range.
  fileprivate func neverSaturates(_ id: NodeID) -> Bool {
    guard let op = self[id].op as? FakeQuantize, op.straightThrough == "clipped", !op.bypass,
      let (scale, range) = operation(ScaleFromRange.self, of: self[id].operands[1]),
      range.scheme == .symmetric, range.grid == op.grid, op.grid.min < 0,
      self[scale].operands[0].flatMap({ producer(of: $0) })
        == self[scale].operands[1].flatMap({ producer(of: $0) }),
      let (node, observed) = operation(MinMax.self, of: self[scale].operands[0])
    else { return false }
    return self[node].operands[0] == self[id].operands[0] && observed.axis == op.axis
      && observed.blockSize == op.blockSize
  }

  /// Whether a node is the gradient of a fake-quantizer.
  fileprivate func isGradient(_ id: NodeID, of quantizer: NodeID) -> Bool {
    guard let gradient = self[id].op as? FakeQuantizeGradient,
      let op = self[quantizer].op as? FakeQuantize
    else { return false }
    return gradient.grid == op.grid && gradient.axis == op.axis
      && gradient.blockSize == op.blockSize
      && self[id].operands.dropFirst().elementsEqual(self[quantizer].operands.prefix(3))
  }

  /// The gradient of the Relu that made `x`, where it alone reads that of a quantizer.
  fileprivate func reluGradient(behind gradient: NodeID, of x: ValueID) -> NodeID? {
    guard isUsedOnce(self[gradient].result), operation(Relu.self, of: x) != nil,
      let reader = users(of: self[gradient].result).first, self[reader].op is ReluGradient,
      self[reader].operands == [self[gradient].result, x]
    else { return nil }
    return reader
  }
}

extension Shape {
  /// The channels of a product's result, as the shape of its bias.
  fileprivate func channels(of product: any Operation) -> Shape? {
    let isConvolution = product is ConvIntegerToFloat
    guard rank > 1 else { return nil }
    return [isConvolution ? self[1] : self[rank - 1]]
  }
}
