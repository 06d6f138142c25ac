import QATCore
import QATIR
import QATRewrite

/// Adds the backward pass: the gradient of the first output with respect to every variable that it
/// depends on in a differentiable way.
///
///     graph @net(%x, %labels) -> (%loss: f32[])
///     ->
///     graph @net(%x, %labels) -> (%loss: f32[], %w.gradient: f32[8,3,3,3], ...)
///
/// Gradients are made of operations, and hold for every batch size. A variable that the loss does not
/// depend on (running statistics, ranges) gets none. An operation on the way that has no gradient is
/// an error that names it. With `values=h+y` the gradients of those values are outputs, too, where the
/// loss depends on them and they on a variable.
public struct Differentiate: Pass {
  public static let name: PassName = "differentiate"
  public static let summary = "add the backward pass"
  public static let effect: Effect = .exact
  public static let options: [PassOption<Self>] = [
    .init("values", \.joinedValues, "values whose gradients are wanted besides, joined by +")
  ]

  /// Names of values whose gradients are wanted besides those of variables.
  public var values: [String] = []
  private var joinedValues: String {
    get { values.joined(separator: "+") }
    set { values = newValue.split(separator: "+").map(String.init) }
  }

  public init() {}
  public init(values: [String]) { self.values = values }

  /// What the name of a gradient ends in.
  public static let suffix = ".gradient"

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    guard let loss = graph.outputs.first, graph[loss].type.shape?.rank == 0 else {
      throw Diagnostic(
        .invalidGraph, "the first output is no scalar loss", hint: "run attach-loss first")
    }
    let order = graph.nodes
    let active = activeValues(graph, order)
    guard active.contains(loss) else {
      throw Diagnostic(
        .invalidGraph, "the loss depends on no variable", hint: "run make-trainable first")
    }
    var backward = Backward(graph, active: active, loss: loss)
    for id in order.reversed() { try backward.visit(id) }
    graph = try backward.finish(values)
  }

  /// The float values that depend on a float variable.
  private func activeValues(_ graph: Graph, _ order: [NodeID]) -> Set<ValueID> {
    var active = Set(graph.variables.filter { graph[$0].type.element.isFloatingPoint })
    for id in order {
      let node = graph[id]
      guard node.operands.contains(where: { $0.map(active.contains) ?? false }) else { continue }
      if node.op is any StopsGradient { continue }
      for case .some(let result) in node.results where graph[result].type.element.isFloatingPoint {
        active.insert(result)
      }
    }
    return active
  }
}

private struct Backward {
  private var builder: GraphBuilder
  private let active: Set<ValueID>
  /// What each value's readers contributed so far.
  private var contributions: [ValueID: [ValueID]] = [:]

  init(_ graph: Graph, active: Set<ValueID>, loss: ValueID) {
    builder = GraphBuilder(graph)
    // Assignments stay last: the backward pass reads variables as they were.
    builder.insertionPoint = graph.nodes.first { graph[$0].op is Assign }
    builder.namePrefix = "backward."
    self.active = active
    let one = graph[loss].type.element == .f64 ? AnyTensor(1.0) : AnyTensor(Float(1))
    contributions[loss] = [builder.constant(one, name: "seed")]
  }

  mutating func visit(_ id: NodeID) throws(Diagnostic) {
    let node = builder.graph[id]
    builder.origins = [node.name]
    builder.namePrefix = node.name + ".backward."
    var seeds: [ValueID?] = []
    for result in node.results { seeds.append(result.flatMap { total(of: $0) }) }
    guard seeds.contains(where: { $0 != nil }) else { return }
    let needs = node.operands.map { $0.map(active.contains) ?? false }
    guard needs.contains(true) else { return }
    guard let op = node.op as? any Differentiable else {
      throw Diagnostic(
        .unsupported, "\(node.op.name) has no gradient", at: "node '\(node.name)'",
        hint: "keep the layers in front of it constant with `trainable: false`")
    }
    let call = GradientCall(
      operands: node.operands, results: node.results, seeds: seeds, needs: needs)
    let gradients = try op.gradients(of: call, in: &builder)
    for (operand, gradient) in zip(node.operands, gradients) {
      guard let operand, let gradient, active.contains(operand) else { continue }
      contributions[operand, default: []].append(gradient)
    }
    if let failure = builder.failure { throw failure.at("gradient of '\(node.name)'") }
  }

  /// The sum of what the readers of a value contributed.
  private mutating func total(of value: ValueID) -> ValueID? {
    guard let parts = contributions[value], var sum = parts.first else { return nil }
    for part in parts.dropFirst() { sum = builder.emit(Add(), [sum, part]) }
    contributions[value] = [sum]
    return sum
  }

  mutating func finish(_ names: [String]) throws(Diagnostic) -> Graph {
    // By name: how the graph was made must not decide the order, and so the bits, of sums over them.
    let variables = builder.graph.variables.map { (builder.graph[$0].name, $0) }
    var wanted = variables.sorted { $0.0 < $1.0 }.map(\.1)
    for name in names {
      guard let value = builder.graph.value(named: name) else {
        throw builder.graph.noValue(name)
      }
      if !wanted.contains(value) { wanted.append(value) }
    }
    for value in wanted {
      builder.namePrefix = builder.graph[value].name + "."
      guard let gradient = total(of: value) else { continue }
      let name = builder.graph[value].name + Differentiate.suffix
      let output = builder.emit(Identity(), [gradient], name: name)
      builder.graph.setOutputs(builder.graph.outputs + [output])
    }
    if let failure = builder.failure { throw failure }
    return builder.graph
  }
}

extension Graph {
  /// The variables that have a gradient among the outputs, with it.
  func gradients() -> [(variable: ValueID, gradient: ValueID)] {
    outputs.compactMap { output in
      let name = self[output].name
      guard name.hasSuffix(Differentiate.suffix),
        let variable = value(named: String(name.dropLast(Differentiate.suffix.count))),
        self[variable].variable != nil
      else { return nil }
      return (variable, output)
    }
  }
}
