import QATCore
import QATIR

extension Graph {
  /// The graph for inputs of these types. What constants and sizes alone decide is a constant: shapes
  /// as data, and so the shapes that they ask for. Values keep their IDs.
  func specialized(to types: [TensorType]) throws(Diagnostic) -> Graph {
    var result = self
    for (id, type) in zip(inputs, types) { result.setType(of: id, to: type) }
    for id in nodes {
      try result.inferTypes(of: id)
      guard let tensors = try result.knownResults(of: id) else { continue }
      for (value, tensor) in zip(self[id].results, tensors) {
        if let value { result.makeConstant(value, tensor) }
      }
      result.remove(id)
    }
    return result
  }

  /// Larger results are for a run to compute, which finds out whether there is so much memory.
  private static let mostKnownBytes = 1 << 28

  /// The results of a node that constants and sizes alone decide.
  private func knownResults(of id: NodeID) throws(Diagnostic) -> [AnyTensor]? {
    let node = self[id]
    // How long control flow runs is for a run to say.
    if node.results.isEmpty || node.op is Dropout || node.op.controlFlow != nil { return nil }
    if node.results.count == 1, let result = node.results[0],
      let known = knownContents(of: result)
    {
      return [known]
    }
    var operands: [AnyTensor?] = []
    for operand in node.operands {
      guard let operand else { operands.append(nil); continue }
      guard let tensor = self[operand].constant else { return nil }
      operands.append(tensor)
    }
    let byteCount = node.results.compactMap { $0.flatMap { self[$0].type.byteCount } }.reduce(0, +)
    guard node.op is any Evaluable, byteCount <= Self.mostKnownBytes else { return nil }
    do throws(Diagnostic) {
      return try ReferenceEvaluator.evaluate(node.op, operands, resultCount: node.results.count)
    } catch { throw error.at("node '\(node.name)' (\(node.op.name))") }
  }
}
