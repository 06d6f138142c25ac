import QATCore
import QATIR
import QATRewrite

/// Brings a graph into the form that the other passes look for.
///
///     %1 = Identity(%x)
///     %2 = ReduceMean(%1, [2, 3])
///     ->
///     %2 = GlobalAveragePool(%x)
///
/// - Removed: `Identity`; `Dropout` in inference; `Cast` to the type at hand; `Clip` without bounds;
///   a `Transpose` that keeps the order; `Reshape`, `Flatten`, `Squeeze` and `Unsqueeze` that lead
///   back to the shape they came from; adding or subtracting a scalar 0, multiplying with or dividing
///   by a scalar 1 (vectors stay: they may be parameters that are to be trained).
/// - Removed too: the mark of a folded batch-norm (`qat.FoldedBatchNormalization`) with constant statistics.
/// - An `If` with a constant condition gives way to the branch it takes; constants that bodies capture
///   become theirs.
/// - Replaced: `Constant` by a constant of the graph; an observer that does not observe by its state;
///   two `Transpose` or two `Reshape` by one; a computed shape of a `Reshape` by a constant; the mean
///   over the spatial axes of a value of rank 4 by `GlobalAveragePool`; `MatMul` with a matrix plus a
///   bias by `Gemm`.
/// - Found in pieces, as exporters write what their opset has not (`Forms`, one file each): `Gelu`,
///   `Mish`, `HardSwish`, `HardSigmoid`, `Softplus`, `LeakyRelu`, `PRelu`, `Relu` and `Clip`;
///   `LayerNormalization`, `RMSNormalization`, `InstanceNormalization`, `GroupNormalization`; channels
///   of a convolution or Gemm scaled and shifted by constants; a 1-D convolution by way of a 2-D one.
///   Where something else reads a value between the pieces, they stay.
/// - Changes of layout to channels last wait until they cancel (`SinkLayout`).
///
/// `Swish` and `Attention` stay in pieces, as those run on integers: `fuse-for-float` finds them.
///
/// Where an output is an input, a constant or another output of the graph, the `Identity` between
/// stays.
public struct Canonicalize: Pass {
  public static let name: PassName = "canonicalize"
  public static let summary = "remove what does nothing, unify what means the same"
  // A whole operation may round and sum otherwise than its pieces.
  public static let effect: Effect = .within(relativeTolerance: 1e-5)
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    try applyRules(Self.rules, to: &graph)
    // Only now: what normalizes the last axis of a transposed value has been found.
    if try applyRules(Self.layoutRules, to: &graph) > 0 {
      try applyRules(Self.rules + Self.layoutRules, to: &graph)
    }
  }

  private static let layoutRules: [any RewriteRule] = [
    SinkLayout<Transpose>(), SinkLayout<Unsqueeze>(),
  ]

  private static let rules: [any RewriteRule] = [
    UseGraphConstant(), InlineIf(), SettleCaptures<If>(), SettleCaptures<Loop>(),
    SettleCaptures<Scan>(), UseState<Observe>(), UseState<LearnRange>(), DropConstantOffset(),
    RemoveFoldedMark(),
    Simplify<Identity> { node, _, _ in .value(node.operands[0]) },
    Simplify<Dropout>(dropoutInInference),
    Simplify<Cast> { node, cast, graph in
      cast.to == node.operands[0].map { graph[$0].type.element } ? .value(node.operands[0]) : nil
    },
    Simplify<Clip> { node, _, _ in
      node.operands.dropFirst().allSatisfy { $0 == nil } ? .value(node.operands[0]) : nil
    },
    Simplify<Transpose>(transposed),
    Simplify<Reshape>(reshapedBack), Simplify<Flatten>(reshapedBack),
    Simplify<Squeeze>(reshapedBack), Simplify<Unsqueeze>(reshapedBack),
    Simplify<Reshape>(reshapedTwice), Simplify<Reshape>(reshapedByConstant),
    Simplify<Where>(chosen), Simplify<ReduceMean>(spatialMean),
    Simplify<Add>(productPlusBias),
    Simplify<Mul>(channelScaleForm), Simplify<Add>(channelScaleForm),
    Simplify<Max>(clipForm), Simplify<Min>(clipForm), Simplify<Clip>(clipForm),
    Simplify<Max>(leakyReluForm), Simplify<Add>(pReluForm), Simplify<Sub>(pReluForm),
    Simplify<Log>(softplusForm),
    Simplify<Mul>(hardSigmoidForm), Simplify<Div>(hardSigmoidForm), Simplify<Clip>(hardSigmoidForm),
    Simplify<Mul>(hardSwishForm), Simplify<Div>(hardSwishForm),
    Simplify<Mul>(mishForm), Simplify<Mul>(geluForm),
    Simplify<Div>(geluForm),
    Simplify<Mul>(instanceNormalizationForm), Simplify<Div>(instanceNormalizationForm),
    Simplify<Mul>(layerNormalizationForm), Simplify<Div>(layerNormalizationForm),
    Simplify<Add>(layerNormalizationForm),
    Simplify<Mul>(rmsNormalizationForm), Simplify<Div>(rmsNormalizationForm),
    Simplify<Reshape>(groupNormalizationForm),
    Simplify<Mul>(affineForm), Simplify<Add>(affineForm),
    Conv1DForm(), Simplify<Transpose>(transposedUnsqueezeForm),
    Simplify<Reshape>(transposedRowsForm),
    Simplify<Add> { node, _, graph in
      neutral(node, 0, 1, 0, graph) ?? neutral(node, 1, 0, 0, graph)
    },
    Simplify<Sub> { node, _, graph in neutral(node, 0, 1, 0, graph) },
    Simplify<Mul> { node, _, graph in
      neutral(node, 0, 1, 1, graph) ?? neutral(node, 1, 0, 1, graph)
    },
    Simplify<Div> { node, _, graph in neutral(node, 0, 1, 1, graph) },
  ]
}

// MARK: - The kinds of rules

/// `Constant` becomes a constant of the graph, under the same name.
private struct UseGraphConstant: RewriteRule {
  private let constant = Capture<Constant>("constant") { $0.tensor != nil }
  var pattern: Pattern { constant.pattern }

  func rewrite(_ match: Match, in graph: inout GraphEditor) {
    let node = match[constant], old = graph.graph[node].result, name = graph.graph[old].name
    guard let tensor = graph.op(constant, match).tensor else { return }
    let isOutput = graph.graph.isOutput(old)
    if !isOutput {
      graph.builder.graph.rename(old, to: graph.graph.freeValueName(name + ".replaced"))
    }
    let new = graph.builder.graph.addConstant(
      graph.graph.freeValueName(isOutput ? name + ".value" : name), tensor)
    graph.remove(node, replacing: [(old, new)])
  }
}

/// An observer that does not observe gives back the state it is given.
private struct UseState<Op: ObservesBatches>: RewriteRule {
  private let observe = Capture<Op>("observe") { !$0.training }
  var pattern: Pattern { observe.pattern }

  func rewrite(_ match: Match, in graph: inout GraphEditor) {
    let node = graph.graph[match[observe]]
    let pairs = zip(node.results, node.operands.dropFirst()).compactMap { result, state in
      result.flatMap { result in state.map { (result, $0) } }
    }
    graph.remove(match[observe], replacing: pairs)
  }
}

/// An offset that nobody trains is said by the zero point alone.
private struct DropConstantOffset: RewriteRule {
  private let quantizer = Capture<FakeQuantize>("quantizer")
  var pattern: Pattern {
    quantizer.pattern.where { value, graph in
      guard let (node, _) = graph.operation(FakeQuantize.self, of: value),
        graph[node].operands.count > 3
      else { return false }
      return graph[node].operands[3].map { graph[$0].constant != nil } ?? true
    }
  }

  func rewrite(_ match: Match, in graph: inout GraphEditor) {
    let node = match[quantizer]
    graph.builder.graph.setOperands(
      of: node, to: Array(graph.graph[node].operands.prefix(3)))
    graph.noteChange(node)
  }
}

/// A folded batch-norm whose statistics are constants is trained, and its mark does nothing.
private struct RemoveFoldedMark: RewriteRule {
  private let mark = Capture<FoldedBatchNormalization>("mark")

  var pattern: Pattern {
    mark.pattern.where { value, graph in
      guard let (node, _) = graph.operation(FoldedBatchNormalization.self, of: value) else {
        return false
      }
      return graph[node].operands[3...4].allSatisfy { $0.map { graph[$0].constant != nil } ?? true }
    }
  }

  func rewrite(_ match: Match, in graph: inout GraphEditor) {
    let node = graph.graph[match[mark]], name = graph.graph[node.result].name
    guard let x = node.operands[0] else { return }
    graph.remove(match[mark], replacing: [(node.result, x)])
    // The product's result is what the batch-norm's was.
    if graph.graph.producer(of: x) != nil, !graph.graph.isOutput(x),
      graph.graph.value(named: name) == nil
    {
      graph.builder.graph.rename(x, to: name)
    }
  }
}

extension GraphEditor {
  /// Removes a node whose results have others in their place.
  mutating func remove(_ node: NodeID, replacing pairs: [(ValueID, ValueID)]) {
    let readers = pairs.flatMap { graph.users(of: $0.0) }
    for (old, new) in pairs {
      do throws(Diagnostic) { try builder.graph.replaceAllUses(of: old, with: new) } catch {
        preconditionFailure("an Identity always infers: \(error)")
      }
    }
    builder.graph.remove(node)
    for reader in readers { noteChange(reader) }
    noteChange(node)
  }
}

// MARK: - The rules

private func dropoutInInference(_ node: Node, _: Dropout, _ graph: Graph) -> Replacement? {
  if node.results.count > 1, let mask = node.results[1],
    graph.isOutput(mask) || !graph.users(of: mask).isEmpty
  {
    return nil
  }
  if node.operands.count > 2, let mode = node.operands[2] {
    guard graph[mode].constant?.elements(as: Bool.self)?.contains(true) == false else {
      return nil
    }
  }
  return .value(node.operands[0])
}

/// A `Transpose` that keeps the order of axes, or one behind another.
private func transposed(_ node: Node, _ op: Transpose, _ graph: Graph) -> Replacement? {
  guard let x = node.operands[0], let rank = graph[x].type.shape?.rank else { return nil }
  let perm = op.permutation(rank: rank)
  if perm == Array(0..<rank) { return .value(x) }
  guard let (inner, first) = graph.operation(Transpose.self, of: x),
    let source = graph[inner].operands[0]
  else { return nil }
  let before = first.permutation(rank: rank)
  return .term(.op(Transpose(perm: perm.map { before[$0] }), [Term(source)]))
}

/// A value of the same shape from which only the shape was changed: the elements are the same.
private func reshapedBack(_ node: Node, _: some Operation, _ graph: Graph) -> Replacement? {
  guard let shape = graph[node.result].type.shape else { return nil }
  var current = node
  while let x = current.operands[0] {
    if let other = graph[x].type.shape, other.rank == shape.rank,
      zip(other.dimensions, shape.dimensions).allSatisfy({ $0.isSame(as: $1) })
    {
      return .value(x)
    }
    guard let producer = graph.producer(of: x), graph[producer].results.first == x else {
      return nil
    }
    current = graph[producer]
    guard
      current.op is Reshape || current.op is Flatten || current.op is Squeeze
        || current.op is Unsqueeze
    else { return nil }
  }
  return nil
}

/// A `Reshape` to a shape that copies nothing does not care for the shape in front of it.
private func reshapedTwice(_ node: Node, _ op: Reshape, _ graph: Graph) -> Replacement? {
  guard let x = node.operands[0], let (inner, _) = graph.operation(Reshape.self, of: x),
    let source = graph[inner].operands[0], graph[source].type.shape != nil,
    let shape = node.operands[1], let sizes = graph[shape].constant?.integers,
    op.allowZero || !sizes.contains(0)
  else { return nil }
  return .term(.op(op, [Term(source), Term(shape)]))
}

/// A `Reshape` whose computed shape is known but for dimensions that are those of the data, or but for
/// one, says so in a constant: the arithmetic that computes it is no longer needed.
private func reshapedByConstant(_ node: Node, _ op: Reshape, _ graph: Graph) -> Replacement? {
  guard let x = node.operands[0], let data = graph[x].type.shape, let shape = node.operands[1],
    graph[shape].constant == nil, let target = graph.dimensions(of: shape),
    target.allSatisfy({ ($0.integer ?? 1) > (op.allowZero ? 0 : -1) || $0.integer == -1 })
  else { return nil }
  var sizes: [Int] = []
  for (axis, dimension) in target.enumerated() {
    if let size = dimension.integer {
      sizes.append(size)
    } else if axis < data.rank, dimension.isSame(as: data[axis]) {
      sizes.append(0)
    } else {
      sizes.append(-1)
    }
  }
  guard sizes.filter({ $0 == -1 }).count <= 1 else { return nil }
  let constant = AnyTensor(shape: [sizes.count], sizes.map(Int64.init))
  return .term(.op(Reshape(), [Term(x), .constant(constant, name: "shape")]))
}

/// What a constant condition chooses everywhere, where that has the shape of the result.
private func chosen(_ node: Node, _: Where, _ graph: Graph) -> Replacement? {
  guard let condition = node.operands[0].flatMap({ graph[$0].constant })?.elements(as: Bool.self),
    let first = condition.first, condition.allSatisfy({ $0 == first }),
    let value = node.operands[first ? 1 : 2], let shape = graph[value].type.shape,
    let result = graph[node.result].type.shape, shape.rank == result.rank,
    zip(shape.dimensions, result.dimensions).allSatisfy({ $0.isSame(as: $1) })
  else { return nil }
  return .value(value)
}

private func spatialMean(_ node: Node, _ op: ReduceMean, _ graph: Graph) -> Replacement? {
  guard let x = node.operands[0], graph[x].type.shape?.rank == 4,
    graph[x].type.element.isFloatingPoint, node.operands.count > 1, let operand = node.operands[1],
    let axes = graph[operand].constant?.integers,
    axes.map({ $0 < 0 ? $0 + 4 : $0 }).sorted() == [2, 3]
  else { return nil }
  let pooled: Term = .op(GlobalAveragePool(), [Term(x)])
  return .term(op.keepDimensions ? pooled : .op(Flatten(axis: 1), [pooled]))
}

/// `MatMul(x, w) + b` with a matrix on either side and a parameter `b` of one element a column.
private func productPlusBias(_ node: Node, _: Add, _ graph: Graph) -> Replacement? {
  for (sum, other) in [(0, 1), (1, 0)] {
    guard let product = node.operands[sum], let bias = node.operands[other],
      let (matMul, _) = graph.operation(MatMul.self, of: product), graph.isUsedOnce(product),
      let x = graph[matMul].operands[0], let w = graph[matMul].operands[1],
      graph[x].type.element.isFloatingPoint, graph[x].type.shape?.rank == 2,
      !graph.isParameter(x), graph.isParameter(w), let matrix = graph[w].type.shape,
      matrix.rank == 2,
      graph[bias].parameter != nil, let vector = graph[bias].type.shape, vector.rank == 1,
      vector[0].isSame(as: matrix[1])
    else { continue }
    return .term(.op(Gemm(), [Term(x), Term(w), Term(bias)]))
  }
  return nil
}

/// Operand `x` where the other one is a scalar constant of that number and the type stays.
private func neutral(
  _ node: Node, _ x: Int, _ other: Int, _ number: Double, _ graph: Graph
) -> Replacement? {
  guard let value = node.operands[x], let operand = node.operands[other],
    let tensor = graph[operand].constant, tensor.elementCount == 1, tensor.doubles == [number],
    let shape = graph[value].type.shape, tensor.shape.count <= shape.rank
  else { return nil }
  return .value(value)
}
