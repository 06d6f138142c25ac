import QATCore
import QATIR
import QATRewrite
import QATRuntime

/// Checks that each pass keeps the values it promises to keep, by running the graph before and after
/// it on sample inputs (`--check-values`).
///
/// A broken promise is an error that names the pass and the first node whose value differs: values
/// keep their names through every pass that keeps them. Where an output is no longer the same, the
/// graph of after runs once more, with every node reading the values of before where a value of that
/// name was there: so each node answers for its own difference alone, and a tie that a quantizer
/// rounds the other way because of an allowed difference in front of it is held against nobody.
public struct CheckValues: PassInstrument {
  private let samples: [[String: AnyTensor]]

  /// - Parameter samples: input names to tensors, one dictionary a run.
  public init(samples: [[String: AnyTensor]]) { self.samples = samples }

  public func didRun(_ step: PassStep, before: Graph, after: Graph) throws(Diagnostic) {
    let effect = type(of: step.pass).effect
    if case .analysis = effect, before == after { return }
    try checkSignature(before, after)
    for (number, sample) in samples.enumerated() {
      let inputs = sample.filter { name, _ in before.inputs.contains { before[$0].name == name } }
      guard inputs.count == before.inputs.count, after.inputs.count == before.inputs.count else {
        return
      }
      let old = try ReferenceEvaluator(before).evaluate(inputs)
      let new: ReferenceEvaluator.Outcome
      do throws(Diagnostic) { new = try ReferenceEvaluator(after).evaluate(inputs) } catch {
        throw Diagnostic(
          .brokenPromise, "the graph no longer runs: \(error.message)", at: error.place,
          hint: "it ran before this pass")
      }
      if case .changesNumerics = effect { continue }
      if isSame(old, new, before, after) { continue }
      let local = try ReferenceEvaluator(after).evaluate(inputs, readingInstead: old.values)
      if let broken = firstDifference(Agreement(effect), old, local, before, after) {
        throw Diagnostic(
          .brokenPromise, "promised '\(effect)', but \(broken.what)",
          at: "sample \(number): node '\(broken.node)'",
          hint: "the reproducer holds the graph of before the pass")
      }
    }
  }

  /// Whether outputs and assignments are the same, bit for bit.
  private func isSame(
    _ old: ReferenceEvaluator.Outcome, _ new: ReferenceEvaluator.Outcome, _ before: Graph,
    _ after: Graph
  ) -> Bool {
    let outputs = Set(
      (before.outputs.map { before[$0].name } + after.outputs.map { after[$0].name }))
    func same(_ a: AnyTensor?, _ b: AnyTensor?) -> Bool {
      guard let a, let b else { return a == nil && b == nil }
      return a == b
    }
    return outputs.allSatisfy { same(old.values[$0], new.values[$0]) }
      && old.variables.keys == new.variables.keys
      && old.variables.keys.allSatisfy { same(old.variables[$0], new.variables[$0]) }
  }

  private func checkSignature(_ before: Graph, _ after: Graph) throws(Diagnostic) {
    let old = before.outputs.map { before[$0].name }, new = after.outputs.map { after[$0].name }
    guard old != new, old.allSatisfy({ !new.contains($0) }) else { return }
    throw Diagnostic(.brokenPromise, "the outputs were \(old) and are \(new)")
  }

  /// The first node, in the order of the graph, whose value broke the promise; for a constant, the
  /// node that computed it before.
  private func firstDifference(
    _ agreement: Agreement, _ old: ReferenceEvaluator.Outcome, _ new: ReferenceEvaluator.Outcome,
    _ before: Graph, _ after: Graph
  ) -> (node: String, what: String)? {
    func difference(_ value: ValueID) -> String? {
      let name = after[value].name
      guard let a = old.values[name], let b = new.values[name],
        let what = agreement.difference(a, b)
      else { return nil }
      return "'\(name)' \(what)"
    }
    for node in before.nodes {
      for case .some(let result) in before[node].results {
        guard let value = after.value(named: before[result].name), after[value].parameter != nil,
          let what = difference(value)
        else { continue }
        return (before[node].name, what)
      }
    }
    for node in after.nodes {
      for case .some(let result) in after[node].results {
        if let what = difference(result) { return (after[node].name, what) }
      }
    }
    for (name, a) in old.variables.sorted(by: { $0.key < $1.key }) {
      guard let b = new.variables[name] else { return (name, "'\(name)' is no longer assigned") }
      if let what = agreement.difference(a, b) { return (name, "the new '\(name)' \(what)") }
    }
    return nil
  }
}

/// Whether two tensors agree as an effect promises.
public struct Agreement: Sendable {
  private let effect: Effect
  /// What the effect of a pass asks of outputs.
  public init(_ effect: Effect) { self.effect = effect }

  /// How they differ, in words; `nil` where the promise holds.
  public func difference(_ a: AnyTensor, _ b: AnyTensor) -> String? {
    guard a.element == b.element, a.shape == b.shape else {
      return "was \(a.type) and is \(b.type)"
    }
    guard let x = a.doubles, let y = b.doubles else { return a == b ? nil : "differs" }
    switch effect {
    case .exact, .analysis: return worst(x, y, allowed: 0)
    case .within(let tolerance):
      let magnitude = x.reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
      return worst(x, y, allowed: Double(tolerance) * max(magnitude, 1e-6))
    case .withinCodes(let share):
      guard a.element.isInteger else { return worst(x, y, allowed: codeStep(x)) }
      let far = zip(x, y).first { abs($0 - $1) > 1 }
      if let far { return "differs by more than one code: \(far.0) and \(far.1)" }
      let count = zip(x, y).count { $0 != $1 }
      return Double(count) <= max(1, Double(share) * Double(x.count))
        ? nil : "differs in \(count) of \(x.count) codes"
    case .changesNumerics: return nil
    }
  }

  /// The smallest distance between two different values: the step of a dequantized tensor, at most.
  private func codeStep(_ x: [Double]) -> Double {
    let sorted = Set(x.map(abs)).sorted()
    let gaps = zip(sorted.dropFirst(), sorted).map { $0 - $1 }.filter { $0 > 0 }
    return (gaps.min() ?? sorted.first ?? 0) * 1.001
  }

  private func worst(_ x: [Double], _ y: [Double], allowed: Double) -> String? {
    var worst = (index: -1, distance: allowed)
    for index in x.indices where x[index] != y[index] && !(x[index].isNaN && y[index].isNaN) {
      let distance = abs(x[index] - y[index])
      if !(distance <= worst.distance) { worst = (index, distance) }
    }
    guard worst.index >= 0 else { return nil }
    return "differs at element \(worst.index): \(x[worst.index]) and \(y[worst.index])"
  }
}
