import QATCore
import QATIR
import QATKernels

/// Runs a graph. Variables live here, not in plans: two sessions of one graph share nothing.
///
/// A plan is made for each set of input shapes and kept: the eight used last. Where a graph keeps its
/// samples apart and nobody looks at values in between, a batch is run in parts that stay in the caches,
/// on each thread others. Not safe to call from two threads at once; make a session a thread.
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
  private var plans: PlanCache?
  /// Empty before it is asked for.
  private var batches: BatchRunner??
  private var keep: Set<ValueID>

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
    try graph.checkIsRunnable()
  }

  // MARK: - Running

  /// Runs the graph.
  /// - Parameter inputs: a tensor for each input, by name.
  /// - Returns: the outputs, in order.
  /// - Throws: `invalid-data` for inputs that do not fit; what a node throws.
  public func run(_ inputs: [String: AnyTensor]) throws(Diagnostic) -> [AnyTensor] {
    let ordered = try bind(inputs)
    // Plans share memory: what the last one left goes.
    last = nil
    if let results = try runner()?.run(ordered) { return results }
    let plan = try plan(for: ordered)
    if hooks.isEmpty { try plan.run(ordered) } else { try plan.run(ordered, hooks) }
    last = plan
    return graph.outputs.compactMap { plan.tensor($0) }
  }

  /// What a watched value was in the last run.
  public func value(_ name: String) -> AnyTensor? {
    guard let last, let id = graph.value(named: name) else { return nil }
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
    guard layout != nil else { return hooks.add(found, name, body) }
    // What the layout took away comes back, and so do the operands of the node.
    let operands = named.producer(of: found).map { node in
      named[node].operands.map { $0.map { named[$0].name } }
    }
    try keep([value] + (operands ?? []).compactMap { $0 })
    return try addHook(onValue: value, named: name, operands: operands, body)
  }

  /// Lets a closure see a value of the graph as it is run.
  /// - Parameters:
  ///   - name: what the event calls it. - operands: names of the values that the event has as operands;
  ///     those of the node where `nil`. They are to be watched.
  @discardableResult
  package func addHook(
    onValue value: String, named name: String, operands: [String?]?,
    _ body: @escaping (HookEvent) throws(Diagnostic) -> Void
  ) throws(Diagnostic) -> Hook {
    guard let id = graph.value(named: value) else { throw graph.noValue(name) }
    return hooks.add(id, name, operands: operands, body)
  }

  /// How the graph came to be from another one: for the kernels, which takes values away.
  package struct Layout {
    let original: Graph
    /// Makes it again, with values of these names as they are in the original.
    package let keeping: ([String]) throws(Diagnostic) -> Graph
    fileprivate var kept: [String] = []

    package init(
      of original: Graph, keeping: @escaping ([String]) throws(Diagnostic) -> Graph
    ) {
      self.original = original
      self.keeping = keeping
    }
  }
  package var layout: Layout?

  /// Lays the graph out again so that it has values that can be read after a run; hooks stay on theirs.
  private func keep(_ names: [String]) throws(Diagnostic) {
    guard let kept = layout?.kept, let keeping = layout?.keeping else { return }
    let old = graph
    graph = try keeping(kept + names)
    layout?.kept = kept + names
    keep = Set((kept + names).compactMap { graph.value(named: $0) })
    hooks.move { value in graph.value(named: old[value].name) }
    plans = nil
    batches = nil
    last = nil
  }

  /// Takes all hooks away.
  package func removeHooks() { hooks = Hooks() }

  /// Takes a hook away; one that is not there is no mistake.
  public func remove(_ hook: Hook) { hooks.remove(hook) }

  /// Bytes of the largest arena among the plans that are kept; of one on each thread, where batches are
  /// run in parts.
  public var arenaByteCount: Int {
    max(plans?.arenaByteCount ?? 0, (batches ?? nil)?.arenaByteCount ?? 0)
  }

  /// How many plans are kept; where batches are run in parts, on each thread.
  var planCount: Int { max(plans?.count ?? 0, (batches ?? nil)?.planCount ?? 0) }

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

  /// What runs batches in parts, where that can be and nobody looks at the values in between.
  func runner() -> BatchRunner? {
    guard hooks.isEmpty, keep.isEmpty else { return nil }
    if let batches { return batches }
    let made = BatchRunner(graph, variables: buffers, pool: pool)
    batches = .some(made)
    return made
  }

  func plan(for inputs: [AnyTensor]) throws(Diagnostic) -> Plan {
    if let plans { return try plans.plan(for: inputs) }
    let made = PlanCache(
      graph, capacity: PlanCache.ofSession, variables: buffers, pool: pool, keep: keep)
    plans = made
    return try made.plan(for: inputs)
  }
}

extension Graph {
  /// - Throws: `unsupported` for the first operation, also of a body, that can't be run.
  fileprivate func checkIsRunnable() throws(Diagnostic) {
    for id in nodes {
      let op = self[id].op
      guard op is any Evaluable || op is any Executable || op is Assign else {
        throw Diagnostic(
          .unsupported, "unsupported operation \(op.name)", at: "node '\(self[id].name)'",
          hint: "it can be imported and exported, but not run")
      }
      for body in op.controlFlow?.bodies ?? [] {
        do throws(Diagnostic) { try body.checkIsRunnable() } catch {
          throw error.at("node '\(self[id].name)'")
        }
      }
    }
  }
}
