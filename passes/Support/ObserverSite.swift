import QATCore
import QATIR
import QATRuntime

/// An observer, in a graph or in a body of control flow in it, and what of the graph it works on.
struct ObserverSite: Sendable {
  /// The graph or the body that the observer stands in.
  let scope: Graph
  /// Its node there.
  let id: NodeID
  /// The variables of the outermost graph that hold its state, in the order of the operands.
  let state: [ValueID]

  var op: any Operation { scope[id].op }
  /// The name of the node.
  var name: String { scope[id].name }

  /// What it observes, where that does not depend on the inputs.
  func parameter() throws(Diagnostic) -> AnyTensor? {
    guard let x = scope[id].operands[0], scope.isParameter(x) else { return nil }
    return try scope.parameterValue(x)
  }

  /// Of the grid that its range is for.
  var bits: Int? {
    for case .some(let result) in scope[id].results {
      for user in scope.users(of: result) {
        if let scale = scope[user].op as? ScaleFromRange { return scale.grid.bits }
      }
    }
    return nil
  }
}

extension Graph {
  /// The observers whose state is in variables, those of bodies included, in the order they run.
  var observerSites: [ObserverSite] {
    observers.compactMap { site in
      site.state.allSatisfy { self[$0].variable != nil } ? site : nil
    }
  }

  /// The observers, with what holds their state: values of this graph, be it a body.
  private var observers: [ObserverSite] {
    nodes.flatMap { id -> [ObserverSite] in
      let operands = self[id].operands
      if self[id].op is any ObservesBatches {
        return [ObserverSite(scope: self, id: id, state: operands.dropFirst().compactMap { $0 })]
      }
      guard let flow = self[id].op.controlFlow else { return [] }
      return flow.bodies.flatMap { body -> [ObserverSite] in
        let captured = zip(body.inputs.suffix(flow.captures), operands.suffix(flow.captures))
        let outer = Dictionary(uniqueKeysWithValues: captured)
        return body.observers.compactMap { site in
          let state = site.state.compactMap { outer[$0] ?? nil }
          guard state.count == site.state.count else { return nil }
          return ObserverSite(scope: site.scope, id: site.id, state: state)
        }
      }
    }
  }

  /// Takes away the quantizers whose observers keep their state in these values: what they quantize
  /// stays in float.
  mutating func removeQuantizers(observedInto states: Set<ValueID>) throws(Diagnostic) {
    for id in nodes {
      if self[id].op is Observe {
        guard let state = self[id].operands[1], states.contains(state) else { continue }
        for case .some(let range) in self[id].results {
          for reader in users(of: range) where self[reader].op is ScaleFromRange {
            try removeQuantizers(on: self[reader].result)
          }
        }
      }
      let operands = self[id].operands
      try mapBodies(of: id) { body throws(Diagnostic) in
        let inner = zip(body.inputs.reversed(), operands.reversed()).compactMap { input, operand in
          operand.map { states.contains($0) } ?? false ? input : nil
        }
        try body.removeQuantizers(observedInto: Set(inner))
      }
    }
  }

  private mutating func removeQuantizers(on scale: ValueID) throws(Diagnostic) {
    for id in users(of: scale) {
      guard let x = self[id].operands[0], self[id].operands[1] == scale else { continue }
      if self[id].op is FakeQuantize || self[id].op is FakeQuantizeBias {
        try replaceAllUses(of: self[id].result, with: x)
      }
    }
    for id in users(of: scale) {
      guard var rounding = self[id].op as? FoldedBiasRounding else { continue }
      rounding.bypass = true
      setOperation(of: id, to: rounding)
    }
  }

  /// What a value is that does not depend on the inputs.
  fileprivate func parameterValue(_ value: ValueID) throws(Diagnostic) -> AnyTensor {
    if let tensor = self[value].parameter { return tensor }
    guard let id = producer(of: value), let index = self[id].results.firstIndex(of: value) else {
      throw Diagnostic(.invalidGraph, "'\(self[value].name)' depends on the inputs")
    }
    var operands: [AnyTensor?] = []
    for operand in self[id].operands {
      operands.append(try operand.map { value throws(Diagnostic) in try parameterValue(value) })
    }
    do throws(Diagnostic) {
      return try ReferenceEvaluator.evaluate(self[id].op, operands, resultCount: index + 1)[index]
    } catch { throw error.at("node '\(self[id].name)'") }
  }
}
