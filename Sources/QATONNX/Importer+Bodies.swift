import QATCore
import QATIR

extension Importer {
  /// A node of control flow with its bodies as graphs; `nil` for any other, and for one that moves what
  /// is no tensor.
  func bodies(of file: NodeFile, _ name: OpName) throws(Diagnostic) -> NodeFile? {
    guard !file.subgraphs.isEmpty, let type = context.registry[name] as? any ControlFlow.Type,
      file.subgraphs.allSatisfy({ ($0.graph.inputs + $0.graph.outputs).allSatisfy(\.isTensor) })
    else { return nil }
    guard context.depth < Graph.deepestNesting else {
      throw Diagnostic(
        .unsupported, "bodies stand in bodies more than \(Graph.deepestNesting) deep")
    }
    var result = file
    let names = Set(file.subgraphs.map(\.name))
    result.attributes.removeAll { names.contains($0.name) }
    if !file.captures.isEmpty {
      result.attributes.append(("captures", .int(file.captures.count)))
    }
    let op = try type.init(attributes: result.attributes)
    var operands: [Operands.Operand?] = []
    for name in file.inputs { operands.append(try value(name).map { .init(graph[$0].type) }) }
    let types = try op.bodyInputs(Operands(operands))
    var captured: [(String, TensorType)] = []
    for name in file.captures {
      if let id = try value(name) { captured.append((name, graph[id].type)) }
    }
    for (name, graph) in file.subgraphs {
      do throws(Diagnostic) {
        result.attributes.append((name, .graph(try body(graph, types, captured))))
      } catch { throw error.at(name) }
    }
    return result
  }

  /// A body, for these types of the inputs that it lists and of those that it captures.
  private func body(
    _ file: GraphFile, _ types: [TensorType], _ captured: [(name: String, type: TensorType)]
  ) throws(Diagnostic) -> Graph {
    guard file.inputs.count == types.count else {
      throw Diagnostic(
        .malformedFile, "the body has \(file.inputs.count) inputs, expected \(types.count)")
    }
    do throws(Diagnostic) {
      return try typedBody(file, types, captured)
    } catch {
      // It may be made for other shapes, and never run for these.
      let isTyped = (types + captured.map(\.type)).contains { $0.shape != nil }
      guard error.isAboutShapes, isTyped else { throw error }
      return try typedBody(
        file, types.map { TensorType($0.element, nil) },
        captured.map { ($0.name, TensorType($0.type.element, nil)) })
    }
  }

  private func typedBody(
    _ file: GraphFile, _ types: [TensorType], _ captured: [(name: String, type: TensorType)]
  ) throws(Diagnostic) -> Graph {
    var inner = context
    inner.depth += 1
    var importer = Importer(file, inner)
    for (input, type) in zip(file.inputs, types) {
      // Numbers and conditions may be written with one dimension.
      let declared = type.shape == [] && input.type?.shape == [1] ? input.type : nil
      try importer.addInput(input.name, declared ?? type)
    }
    for (name, type) in captured { try importer.addInput(name, type) }
    return try importer.run()
  }
}
