import QATCore
import QATIR
import QATRewrite

extension Graph {
  /// The variables that learned quantizers train, and how.
  var learnedParameters: [ValueID: LearnRange] {
    var result: [ValueID: LearnRange] = [:]
    for id in nodes {
      guard let op = self[id].op as? LearnRange else { continue }
      for case .some(let variable) in self[id].operands[1...2] { result[variable] = op }
    }
    return result
  }

  /// The bounds of gradients that quantizers have for themselves, with the variables they are about.
  var learnedClips: [(clip: Float, variables: [ValueID])] {
    nodes.compactMap { id in
      guard let op = self[id].op as? LearnRange, op.clip > 0 else { return nil }
      return (op.clip, self[id].operands[1...2].compactMap { $0 })
    }
  }

  /// The node that assigns to a variable.
  func assignment(to variable: ValueID) -> NodeID? {
    users(of: variable).first { self[$0].op is Assign && self[$0].operands[0] == variable }
  }
}

extension GraphBuilder {
  /// Updates of variables with those of learned parameters put back into their bounds, and counters
  /// of how often that was needed.
  mutating func projected(_ updates: [(ValueID, ValueID)]) -> [(ValueID, ValueID)] {
    var result = updates
    for id in graph.nodes {
      let node = graph[id]
      guard let op = node.op as? LearnRange, let parameter = node.operands[1],
        let shift = node.operands[2], let count = node.operands[4],
        let index = result.firstIndex(where: { $0.0 == parameter })
      else { continue }
      let shiftIndex = result.firstIndex { $0.0 == shift }
      let name = graph[parameter].name
      let counter = graph.addVariable(name + ".projections", AnyTensor(Int64(0)))
      let observed = node.results.compactMap { $0 }
      let values = emit(
        ProjectLearned(op),
        [
          result[index].1, shiftIndex.map { result[$0].1 } ?? observed[1], observed[0], observed[1],
          observed[2], count, counter,
        ], results: 3, name: name + ".projected")
      result[index].1 = values[0]
      if let shiftIndex { result[shiftIndex].1 = values[1] }
      result.append((counter, values[2]))
    }
    return result
  }
}
