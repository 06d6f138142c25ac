import QATCore
import QATIR
import QATPasses
import QATRuntime

extension TrainingStep {
  /// Lets a closure see a value in every step, as soon as the forward pass has computed it. What is
  /// trained does not change.
  ///
  ///     try step.addForwardHook(on: "conv1") { print($0.value.shape) }
  ///
  /// A variable is seen as it is before the step. `Trainer` trains with the hooks of its step.
  /// - Parameters:
  ///   - name: of a value of `graph`, or of a node for its first result.
  ///   - body: what it throws ends the step, before the variables have changed.
  /// - Throws: `unknown-name`; also for a value that the loss does not look at.
  @discardableResult
  public func addForwardHook(
    on name: String, _ body: @escaping (HookEvent) throws(Diagnostic) -> Void
  ) throws(Diagnostic) -> Hook {
    guard current.graph.trained(name, of: graph) != nil else { throw graph.noValue(name) }
    // The next step makes its session again, with the value in its own layout.
    return hooks.add(name, isBackward: false, body)
  }

  /// Lets a closure see the gradient of the loss with respect to a value in every step: of a variable
  /// the one that the optimizer takes, clipped where that was asked for.
  ///
  /// Adding one makes the graph of the step again; what is trained does not change.
  /// - Parameters:
  ///   - name: of a value of `graph`, or of a node for its first result.
  ///   - body: what it throws ends the step, before the variables have changed.
  /// - Throws: `unknown-name`; `invalid-option` for a value that no gradient reaches: it depends on no
  ///   variable, or the loss not on it.
  @discardableResult
  public func addBackwardHook(
    on name: String, _ body: @escaping (HookEvent) throws(Diagnostic) -> Void
  ) throws(Diagnostic) -> Hook {
    guard graph.value(orResultOf: name) != nil else { throw graph.noValue(name) }
    let hook = hooks.add(name, isBackward: true, body)
    try remake()
    guard current.graph.gradient(of: name, of: graph) != nil else {
      hooks.remove(hook)
      try remake()
      throw Diagnostic(
        .invalidOption, "no gradient reaches '\(name)'",
        hint: "gradients go to variables, and to what lies between them and the loss")
    }
    return hook
  }

  /// Takes a hook away; one that is not there is no mistake.
  public func remove(_ hook: Hook) throws(Diagnostic) {
    hooks.remove(hook)
    try remake()
  }
}

/// The hooks of a step, which go with it from graph to graph.
struct StepHooks {
  private struct Entry {
    let hook: Hook
    let name: String
    let isBackward: Bool
    let body: (HookEvent) throws(Diagnostic) -> Void
  }

  private var entries: [Entry] = []
  private var next = 0

  /// The values whose gradients are to be seen, each once.
  var gradientNames: [String] {
    var names: [String] = []
    for entry in entries where entry.isBackward && !names.contains(entry.name) {
      names.append(entry.name)
    }
    return names
  }

  mutating func add(
    _ name: String, isBackward: Bool, _ body: @escaping (HookEvent) throws(Diagnostic) -> Void
  ) -> Hook {
    let hook = Hook(number: next)
    next += 1
    entries.append(Entry(hook: hook, name: name, isBackward: isBackward, body: body))
    return hook
  }

  mutating func remove(_ hook: Hook) { entries.removeAll { $0.hook == hook } }

  var count: Int { entries.count }

  /// For each hook the name of its value in the graph of a step.
  func values(in step: Graph, of model: Graph) -> [String?] {
    entries.map { entry in
      let value =
        entry.isBackward
        ? step.gradient(of: entry.name, of: model) : step.trained(entry.name, of: model)
      return value.map { step[$0].name }
    }
  }

  /// Makes these the hooks of a step's session. What a form lacks is not seen while it lasts.
  func attach(to step: TrainingStep.Prepared) throws(Diagnostic) {
    step.session.removeHooks()
    for (entry, value) in zip(entries, step.hooked) {
      guard let value else { continue }
      try step.session.addHook(on: value) { event throws(Diagnostic) in
        try entry.body(event.named(entry.name))
      }
    }
  }
}

extension Graph {
  /// What a value of the model is in the graph of its training step; training forms of nodes have names
  /// of their own.
  func trained(_ name: String, of model: Graph) -> ValueID? {
    guard let value = model.value(orResultOf: name) else { return self.value(orResultOf: name) }
    if let same = self.value(named: model[value].name) { return same }
    guard let producer = model.producer(of: value), model[producer].results.first == value else {
      return nil
    }
    return node(named: model[producer].name + ".training").flatMap { self[$0].results.first ?? nil }
  }

  /// The gradient of a value of the model in the graph of its training step.
  func gradient(of name: String, of model: Graph) -> ValueID? {
    trained(name, of: model).flatMap { value(named: self[$0].name + Differentiate.suffix) }
  }
}
