import QATCore
import QATIR
import QATRewrite
import QATRuntime

/// Checks that each pass keeps the values it promises to keep, by running the graph before and after
/// it on sample inputs (`--check-values`).
///
/// A broken promise is an error that names the pass and the first node whose value differs: values
/// keep their names through every pass that keeps them, and are compared in topological order.
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
      guard inputs.count == before.inputs.count, after.inputs.count == before.inputs.count else { return }
      let old = try ReferenceEvaluator(before).evaluate(inputs)
      let new: ReferenceEvaluator.Outcome
      do throws(Diagnostic) { new = try ReferenceEvaluator(after).evaluate(inputs) } catch {
        throw Diagnostic(
          .brokenPromise, "the graph no longer runs: \(error.message)", at: error.place,
          hint: "it ran before this pass")
      }
      if case .changesNumerics = effect { continue }
      if let broken = firstDifference(effect, old, new, before, after) {
        throw Diagnostic(
          .brokenPromise, "promised '\(effect)', but \(broken.what)",
          at: "sample \(number): node '\(broken.node)'",
          hint: "the reproducer holds the graph of before the pass")
      }
    }
  }

  private func checkSignature(_ before: Graph, _ after: Graph) throws(Diagnostic) {
    let old = before.outputs.map { before[$0].name }, new = after.outputs.map { after[$0].name }
    guard old != new, old.allSatisfy({ !new.contains($0) }) else { return }
    throw Diagnostic(.brokenPromise, "the outputs were \(old) and are \(new)")
  }

  /// The first node, in the order of the graph, whose value broke the promise, provided that an
  /// output did.
  private func firstDifference(
    _ effect: Effect, _ old: ReferenceEvaluator.Outcome, _ new: ReferenceEvaluator.Outcome,
    _ before: Graph, _ after: Graph
  ) -> (node: String, what: String)? {
    let agreement = Agreement(effect)
    let outputs = after.outputs.map { after[$0].name }
    let broken = outputs.filter { name in
      guard let a = old.values[name], let b = new.values[name] else { return false }
      return agreement.difference(a, b) != nil
    }
    guard let output = broken.first else { return nil }
    for node in after.nodes {
      for case .some(let result) in after[node].results {
        let name = after[result].name
        if let a = old.values[name], let b = new.values[name], let what = agreement.difference(a, b) {
          return (after[node].name, "'\(name)' \(what)")
        }
      }
    }
    guard let a = old.values[output], let b = new.values[output] else { return nil }
    return (output, "'\(output)' \(agreement.difference(a, b) ?? "differs")")
  }
}

/// Whether two tensors agree as an effect promises.
public struct Agreement: Sendable {
  private let effect: Effect
  public init(_ effect: Effect) { self.effect = effect }

  /// How they differ, in words; `nil` where the promise holds.
  public func difference(_ a: AnyTensor, _ b: AnyTensor) -> String? {
    guard a.element == b.element, a.shape == b.shape else { return "was \(a.type) and is \(b.type)" }
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
