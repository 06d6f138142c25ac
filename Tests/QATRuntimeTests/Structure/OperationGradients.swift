import QATCore
import QATIR
import Testing
@testable import QATRuntime

/// Compares an operation's gradients with central differences of `sum(result * weight)` in double
/// precision, for all operands of type f64.
///
/// Run with all sizes known, and with the first axis of the operands `symbolic` a symbol.
/// - Parameter tolerance: of the difference, relative to the larger of 1 and the gradient. Central
///   differences with steps of 1e-5 are off by about 1e-10 of the third derivative, plus rounding.
func expectGradients(
  _ op: any Differentiable, _ operands: [AnyTensor?], results: Int = 1, unseeded: Set<Int> = [],
  symbolic: [Int] = [], tolerance: Double = 1e-7,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let values = try ReferenceEvaluator.evaluate(op, operands, resultCount: results)
  let weights = values.enumerated().map { index, value in
    value.element == .f64 && !unseeded.contains(index) ? distinct(value.shape, seed: index + 3) : nil
  }
  for symbols in symbolic.isEmpty ? [[]] : [[], symbolic] {
    let found = try gradients(of: op, operands, results: results, weights, symbolic: symbols)
    for (index, operand) in operands.enumerated() {
      guard let operand, operand.element == .f64, let elements = operand.elements(as: Double.self)
      else { continue }
      let gradient = try #require(found[index], sourceLocation: sourceLocation)
      #expect(gradient.shape == operand.shape, sourceLocation: sourceLocation)
      let analytic = try #require(gradient.elements(as: Double.self), sourceLocation: sourceLocation)
      for position in elements.indices {
        func loss(_ step: Double) throws -> Double {
          var moved = elements, changed = operands
          moved[position] += step
          changed[index] = AnyTensor(shape: operand.shape, moved)
          let results = try ReferenceEvaluator.evaluate(op, changed, resultCount: results)
          return zip(results, weights).reduce(0) { sum, next in
            sum + zip(next.0.doubles ?? [], next.1?.doubles ?? []).reduce(0) { $0 + $1.0 * $1.1 }
          }
        }
        let numeric = (try loss(1e-5) - loss(-1e-5)) / 2e-5
        #expect(
          abs(numeric - analytic[position]) <= tolerance * max(1, abs(numeric)),
          "operand \(index), element \(position): \(analytic[position]), differences say \(numeric)",
          sourceLocation: sourceLocation)
      }
    }
  }
}

/// The gradients of one operation, in a graph whose inputs are its float operands.
private func gradients(
  of op: any Differentiable, _ operands: [AnyTensor?], results: Int, _ seeds: [AnyTensor?],
  symbolic: [Int]
) throws -> [AnyTensor?] {
  var graph = Graph(name: "gradients"), inputs: [String: AnyTensor] = [:]
  func add(_ tensor: AnyTensor?, _ name: String, symbolic: Bool) -> ValueID? {
    guard let tensor else { return nil }
    guard tensor.element == .f64 else { return graph.addConstant(name, tensor) }
    var type = tensor.type
    if symbolic { type.shape?[0] = Dimension(symbol: "N") }
    inputs[name] = tensor
    return graph.addInput(name, type)
  }
  let ids = operands.enumerated().map { add($1, "x\($0)", symbolic: symbolic.contains($0)) }
  var builder = GraphBuilder(graph)
  let y = builder.emit(op, ids, results: results)
  if let failure = builder.failure { throw failure }
  graph = builder.graph
  let isSymbolic = graph[y[0]].type.shape?[0].symbol != nil
  let seedIDs = seeds.enumerated().map { add($1, "dy\($0)", symbolic: isSymbolic) }
  builder = GraphBuilder(graph)
  let call = GradientCall(
    operands: ids, results: y, seeds: seedIDs, needs: operands.map { $0?.element == .f64 })
  let found = try op.gradients(of: call, in: &builder)
  if let failure = builder.failure { throw failure }
  graph = builder.graph
  graph.setOutputs(found.compactMap { $0 })
  var outputs = try ReferenceEvaluator(graph).evaluate(inputs).outputs[...]
  return found.map { $0 == nil ? nil : outputs.removeFirst() }
}
