import QATCore
import QATIR
import QATKernels

/// Runs a graph. Variables live here, not in plans: two sessions of one graph share nothing.
///
/// A plan is made for each set of input shapes and kept: the eight used last. Not safe to call from two
/// threads at once; make a session a thread.
public final class Session {
  /// How a quantized model is computed.
  public enum Mode: String, Sendable, CaseIterable {
    /// In float, with every quantizer rounding what it stands for: the simulation that training sees.
    case float
    /// On integers, wherever the model has integer regions.
    case integer
    /// The faster of the two.
    case auto
  }

  /// What is run.
  public private(set) var graph: Graph
  /// `float` or `integer`: what a session made with a mode came to; `nil` for one that runs a graph as
  /// it is.
  package(set) public var mode: Mode?

  private let pool: ThreadPool
  private var buffers: [String: VariableBuffer] = [:]
  private var plans: [(shapes: [[Int]], plan: Plan)] = []
  private let keep: Set<ValueID>

  /// - Parameters:
  ///   - watching: names of values to be readable with `value(_:)` after a run; `nil` for all.
  ///   - threads: 0 for one on each core that the process may use.
  public init(_ graph: Graph, watching: [String]? = [], threads: Int = 0) throws(Diagnostic) {
    self.graph = graph
    pool = ThreadPool(threads: threads)
    keep = Set(watching?.compactMap { graph.value(named: $0) } ?? graph.allValues)
    for id in graph.variables {
      guard let tensor = graph[id].variable else { continue }
      buffers[graph[id].name] = VariableBuffer(tensor)
    }
    for id in graph.nodes
    where
      !(graph[id].op is any Evaluable || graph[id].op is any Executable || graph[id].op is Assign)
    {
      throw Diagnostic(
        .unsupported, "unsupported operation \(graph[id].op.name)", at: "node '\(graph[id].name)'",
        hint: "it can be imported and exported, but not run")
    }
  }

  // MARK: - Running

  /// Runs the graph.
  /// - Parameter inputs: a tensor for each input, by name.
  /// - Returns: the outputs, in order.
  /// - Throws: `invalid-data` for inputs that do not fit; what a node throws.
  public func run(_ inputs: [String: AnyTensor]) throws(Diagnostic) -> [AnyTensor] {
    let ordered = try bind(inputs)
    let plan = try plan(for: ordered)
    if hooks.isEmpty { try plan.run(ordered) } else { try plan.run(ordered, hooks) }
    last = plan
    return graph.outputs.compactMap { plan.tensor($0) }
  }

  /// What a watched value was in the last run.
  public func value(_ name: String) -> AnyTensor? {
    guard let last, let id = last.graph.value(named: name) else { return nil }
    return last.tensor(id)
  }
  private var last: Plan?

  // MARK: - Hooks

  private var hooks = Hooks()

  /// Lets a closure see a value in every run, as soon as it has been computed. Results do not change;
  /// a session without hooks spends nothing on them.
  ///
  ///     try session.addHook(on: "conv1") { print($0.value.shape) }
  ///
  /// - Parameters:
  ///   - name: of a value, or of a node for its first result. An input, a constant or a variable is seen
  ///     before the first node runs.
  ///   - body: what it throws ends the run.
  /// - Throws: `unknown-name`.
  @discardableResult
  public func addHook(
    on name: String, _ body: @escaping (HookEvent) throws(Diagnostic) -> Void
  ) throws(Diagnostic) -> Hook {
    let named = layout?.original ?? graph
    guard let found = named.value(orResultOf: name) else { throw graph.noValue(name) }
    let value = named[found].name
    if graph.value(named: value) == nil { try keep(value) }
    guard let kept = graph.value(named: value) else { throw graph.noValue(name) }
    return hooks.add(kept, name, body)
  }

  /// How the graph came to be from another one: for the kernels, which takes values away.
  package struct Layout {
    let original: Graph
    /// Makes it again, with values of these names as they are in the original.
    let keeping: ([String]) throws(Diagnostic) -> Graph
    fileprivate var kept: [String] = []

    package init(
      of original: Graph, keeping: @escaping ([String]) throws(Diagnostic) -> Graph
    ) {
      self.original = original
      self.keeping = keeping
    }
  }
  package var layout: Layout?

  /// Lays the graph out again so that it has a value; hooks stay on theirs.
  private func keep(_ name: String) throws(Diagnostic) {
    guard let kept = layout?.kept, let keeping = layout?.keeping else { return }
    let old = graph
    graph = try keeping(kept + [name])
    layout?.kept.append(name)
    hooks.move { value in graph.value(named: old[value].name) }
    plans = []
    last = nil
  }

  /// Takes all hooks away.
  package func removeHooks() { hooks = Hooks() }

  /// Takes a hook away; one that is not there is no mistake.
  public func remove(_ hook: Hook) { hooks.remove(hook) }

  /// Bytes of the largest arena among the plans that are kept.
  public var arenaByteCount: Int { plans.map(\.plan.arenaByteCount).max() ?? 0 }

  // MARK: - Variables

  /// The contents of a variable now.
  public func variable(_ name: String) -> AnyTensor? { buffers[name]?.tensor }

  /// All variables by name.
  public var variables: [String: AnyTensor] { buffers.mapValues(\.tensor) }

  /// Puts other contents into a variable. - Throws: `unknown-name`, `shape-mismatch`.
  public func setVariable(_ name: String, to tensor: AnyTensor) throws(Diagnostic) {
    guard let buffer = buffers[name] else {
      throw Diagnostic(
        .unknownName, "the graph has no variable '\(name)'",
        hint: nameHint(name, among: Array(buffers.keys)))
    }
    guard buffer.element == tensor.element, buffer.shape == tensor.shape else {
      throw Diagnostic(
        .shapeMismatch,
        "variable '\(name)' is \(buffer.element.name)\(buffer.shape), not \(tensor.type)")
    }
    buffer.write(tensor)
  }

  /// The graph with the variables as they are now.
  public func snapshot() -> Graph {
    var result = graph
    for id in graph.variables {
      if let tensor = buffers[graph[id].name]?.tensor { result.define(id, as: .variable(tensor)) }
    }
    return result
  }

  // MARK: - Parts

  func bind(_ inputs: [String: AnyTensor]) throws(Diagnostic) -> [AnyTensor] {
    let names = graph.inputs.map { graph[$0].name }
    if let unknown = inputs.keys.sorted().first(where: { !names.contains($0) }) {
      throw Diagnostic(
        .invalidData, "the model has no input '\(unknown)'", hint: nameHint(unknown, among: names))
    }
    var ordered: [AnyTensor] = []
    for id in graph.inputs {
      let value = graph[id]
      guard let tensor = inputs[value.name] else {
        throw Diagnostic(.invalidData, "input '\(value.name)' (\(value.type)) is missing")
      }
      guard tensor.element == value.type.element, fits(tensor.shape, value.type.shape) else {
        throw Diagnostic(
          .invalidData, "input '\(value.name)' is \(tensor.type), expected \(value.type)",
          hint: "look at the shape and element type of the data")
      }
      ordered.append(tensor)
    }
    return ordered
  }

  private func fits(_ sizes: [Int], _ shape: Shape?) -> Bool {
    guard let shape else { return true }
    return shape.rank == sizes.count
      && zip(shape.dimensions, sizes).allSatisfy { $0.size == nil || $0.size == $1 }
  }

  func plan(for inputs: [AnyTensor]) throws(Diagnostic) -> Plan {
    let shapes = inputs.map(\.shape)
    if let index = plans.firstIndex(where: { $0.shapes == shapes }) {
      let found = plans.remove(at: index)
      plans.append(found)
      return found.plan
    }
    var sizes: [String: Int] = [:]
    for (id, tensor) in zip(graph.inputs, inputs) {
      for (dimension, size) in zip(graph[id].type.shape?.dimensions ?? [], tensor.shape) {
        guard let symbol = dimension.symbol else { continue }
        if let known = sizes[symbol], known != size {
          throw Diagnostic(
            .invalidData, "'\(symbol)' is \(known) in one input and \(size) in '\(graph[id].name)'")
        }
        sizes[symbol] = size
      }
    }
    var concrete = try graph.substituting(sizes)
    for (id, tensor) in zip(concrete.inputs, inputs) { concrete.setType(of: id, to: tensor.type) }
    try concrete.inferTypes()
    let plan = try Plan(concrete, variables: buffers, pool: pool, keep: keep)
    if plans.count == 8 { plans.removeFirst() }
    plans.append((shapes, plan))
    return plan
  }
}
