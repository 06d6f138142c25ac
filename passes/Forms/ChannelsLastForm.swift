import QATCore
import QATIR
import QATRewrite

/// Lets a change of layout wait until behind what does not care for it, so that the layouts of channels
/// last that TensorFlow's graphs have between their convolutions cancel.
///
///     %1 = Transpose(%conv) {perm = [0, 2, 3, 1]}      // what a convolution computed
///     %2 = Add(%1, %bias)                              // f32[C]
///     %3 = Transpose(%2) {perm = [0, 3, 1, 2]}
///     ->
///     %2 = Add(%conv, %bias.1)                         // f32[1,C,1,1]
///
/// Through what works on single elements, with constants or with operands that are changed alike;
/// `Concat`, `Pad` and means over the spatial axes. The same for the axis that `conv1DForm` adds.
struct SinkLayout<Op: Operation>: RewriteRule {
  private let change = Capture<Op>("change")

  var pattern: Pattern {
    change.pattern.where { value, graph in graph.sunk(value) != nil }
  }

  func rewrite(_ match: Match, in graph: inout GraphEditor) {
    guard let (user, term) = graph.graph.sunk(graph.graph[match[change]].result) else { return }
    graph.replaceChangingLayout(user, with: term)
  }
}

extension GraphEditor {
  /// Replaces a node by a change of layout behind a node of the same operation, which takes over the
  /// name: a layer is found by it.
  mutating func replaceChangingLayout(_ node: NodeID, with term: Term) {
    let name = graph[node].name, op = graph[node].op.name, old = builder.emitted.count
    replace(node, with: term)
    guard let change = graph.node(named: name),
      let layer = builder.emitted[old...].last(where: {
        graph.contains($0) && graph[$0].op.name == op
      }), layer != change
    else { return }
    let changeName = graph.freeNodeName("\(name).\(graph[change].op.name.type)")
    builder.graph.rename(change, to: changeName)
    builder.graph.rename(layer, to: name)
    if graph[layer].origins == [name] { builder.graph.setOrigins(of: layer, to: []) }
  }
}

/// What only changes how elements are indexed: a permutation to channels last, or axes of size 1.
struct LayoutChange: Equatable {
  let op: LayoutOp
  /// The rank behind it.
  let rank: Int

  enum LayoutOp: Equatable {
    case transpose([Int])
    case unsqueeze([Int])
  }

  func applied(to term: Term) -> Term {
    switch op {
    case .transpose(let perm): .op(Transpose(perm: perm), [term])
    case .unsqueeze(let axes): .op(Unsqueeze(), [term, .integers(axes, name: "axes")])
    }
  }

  /// The axis in front of the change that lies behind it at `axis`; `nil` for one that it adds.
  func source(of axis: Int) -> Int? {
    switch op {
    case .transpose(let perm): perm[axis]
    case .unsqueeze(let axes): axes.contains(axis) ? nil : axis - axes.filter { $0 < axis }.count
    }
  }

  /// Sizes, or what else there is for each axis, as they stand in front of the change.
  func undone<Element>(_ behind: [Element], filler: Element) -> [Element] {
    var result: [Element] = Array(repeating: filler, count: behind.count)
    var count = 0
    for axis in behind.indices {
      guard let source = source(of: axis) else { continue }
      result[source] = behind[axis]
      count += 1
    }
    return Array(result.prefix(count))
  }
}

extension Term {
  /// A constant i64[N].
  static func integers(_ integers: [Int], name: String) -> Term {
    .constant(AnyTensor(shape: [integers.count], integers.map(Int64.init)), name: name)
  }
}

extension Graph {
  /// A change of layout that computes a value, and what it changes.
  func layoutChange(_ value: ValueID?) -> (change: LayoutChange, source: ValueID)? {
    guard let value, let node = producer(of: value), let x = self[node].operands[0],
      let rank = self[value].type.shape?.rank, isImage(x)
    else { return nil }
    if let transpose = self[node].op as? Transpose {
      let perm = transpose.permutation(rank: rank)
      guard rank >= 3, perm == [0] + Array(2..<rank) + [1] else { return nil }
      return (LayoutChange(op: .transpose(perm), rank: rank), x)
    }
    guard self[node].op is Unsqueeze,
      let axes = self[node].operands[1].flatMap({ self[$0].constant?.integers })
    else { return nil }
    let positive = axes.map { $0 < 0 ? $0 + rank : $0 }.sorted()
    return (LayoutChange(op: .unsqueeze(positive), rank: rank), x)
  }

  /// Whether a value has channels at axis 1: a convolution or pooling computed it, and what works on
  /// single elements behind that.
  private func isImage(_ value: ValueID) -> Bool {
    var value = value
    for _ in 0..<32 {
      guard let node = producer(of: value) else { return false }
      let op = self[node].op
      if op is Conv || op is ConvTranspose || op is MaxPool || op is AveragePool
        || op is GlobalAveragePool || op is BatchNormalization || op is Resize
      {
        return true
      }
      guard op.takesAnyLayout || op is Pad || op is Concat,
        let next = self[node].operands.first(where: { $0.map { !isParameter($0) } ?? false }),
        let next
      else { return false }
      value = next
    }
    return false
  }

  /// The first user of a change of layout that it can follow, and what is to take that one's place.
  /// Where a change has more users, all of them are such, or change the layout again.
  fileprivate func sunk(_ value: ValueID) -> (user: NodeID, term: Term)? {
    guard !isOutput(value), let (change, _) = layoutChange(value) else { return nil }
    var found: (NodeID, Term)?
    for user in users(of: value) {
      if self[user].op is Transpose { continue }
      guard let term = sunk(change, through: self[user]) else { return nil }
      found = found ?? (user, term)
    }
    return found
  }

  private func sunk(_ change: LayoutChange, through node: Node) -> Term? {
    guard node.results.count == 1 else { return nil }
    switch node.op {
    case let mean as ReduceMean: return sunk(change, through: node, mean)
    case let pad as Pad: return sunk(change, through: node, pad)
    case let concat as Concat:
      guard let axis = change.source(of: concat.axis < 0 ? concat.axis + change.rank : concat.axis)
      else { return nil }
      var op = concat
      op.axis = axis
      return sunk(change, through: node, as: op)
    case let op where op.takesAnyLayout: return sunk(change, through: node, as: op)
    default: return nil
    }
  }

  private func sunk(
    _ change: LayoutChange, through node: Node, as op: any Operation
  ) -> Term? {
    guard self[node.result].type.shape?.rank == change.rank else { return nil }
    var operands: [Term?] = []
    for operand in node.operands {
      guard let operand else {
        operands.append(nil)
        continue
      }
      if let other = layoutChange(operand), other.change == change {
        operands.append(Term(other.source))
      } else if let constant = self[operand].constant, !(op is Concat),
        let term = undone(change, operand, constant.shape)
      {
        operands.append(term)
      } else {
        return nil
      }
    }
    return change.applied(to: .op(op, operands))
  }

  /// A constant as it broadcasts in front of a change of layout.
  private func undone(_ change: LayoutChange, _ value: ValueID, _ shape: [Int]) -> Term? {
    if shape.allSatisfy({ $0 == 1 }), shape.count <= 1 { return Term(value) }
    guard shape.count <= change.rank else { return nil }
    let full = Array(repeating: 1, count: change.rank - shape.count) + shape
    let added = full.indices.filter { change.source(of: $0) == nil }
    guard added.allSatisfy({ full[$0] == 1 }) else { return nil }
    let sizes: Term = .integers(full, name: "shape")
    let aligned: Term = shape == full ? Term(value) : .op(Reshape(), [Term(value), sizes])
    switch change.op {
    case .transpose:
      let back = change.undone(Array(0..<change.rank), filler: 0)
      return .op(Transpose(perm: back), [aligned])
    case .unsqueeze:
      return .op(
        Reshape(), [Term(value), .integers(change.undone(full, filler: 1), name: "shape")])
    }
  }

  /// The mean over all spatial axes; without them nothing is left to change.
  private func sunk(_ change: LayoutChange, through node: Node, _ op: ReduceMean) -> Term? {
    guard case .transpose = change.op, let x = layoutChange(node.operands[0])?.source,
      node.operands.count > 1,
      let axes = node.operands[1].flatMap({ self[$0].constant?.integers }),
      axes.map({ $0 < 0 ? $0 + change.rank : $0 }).sorted() == Array(1..<change.rank - 1)
    else { return nil }
    let mean: Term = .op(op, [Term(x), .integers(Array(2..<change.rank), name: "axes")])
    return op.keepDimensions ? change.applied(to: mean) : mean
  }

  private func sunk(_ change: LayoutChange, through node: Node, _ op: Pad) -> Term? {
    guard case .transpose = change.op, let x = layoutChange(node.operands[0])?.source,
      node.operands.count < 4 || node.operands[3] == nil,
      let pads = node.operands[1].flatMap({ self[$0].constant?.integers }),
      pads.count == 2 * change.rank
    else { return nil }
    let begins = change.undone(Array(pads[..<change.rank]), filler: 0)
    let ends = change.undone(Array(pads[change.rank...]), filler: 0)
    let fill = node.operands.count > 2 ? node.operands[2].map { Term($0) } : nil
    return change.applied(
      to: .op(op, [Term(x), .integers(begins + ends, name: "pads")] + (fill.map { [$0] } ?? [])))
  }
}

extension Operation {
  /// Whether each element of the result depends on one element of each operand, with broadcasting.
  fileprivate var takesAnyLayout: Bool {
    self is any UnaryElementwise || self is any BinaryElementwise || self is any VariadicElementwise
      || self is Clip || self is PRelu
  }
}
