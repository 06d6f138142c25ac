import QATCore
import QATIR

/// How the form of an operation changed between ONNX's opsets: what import undoes and export asks for.
///
/// The IR knows one form of each operation, the newest. A history is data: one small file an operation
/// lists its changes, oldest first.
struct OpsetHistory: Sendable {
  let op: String
  let changes: [Change]
  /// The lowest opset that holds a node as the IR has it; 13 where none says otherwise.
  let needed: @Sendable (Node, Graph) -> Int

  /// What both histories of the same operation say.
  func merging(_ other: OpsetHistory) -> OpsetHistory {
    let first = needed, second = other.needed
    return OpsetHistory(
      op, (changes + other.changes).sorted { $0.version < $1.version },
      needed: { max(first($0, $1), second($0, $1)) })
  }

  /// A change that came with an opset: nodes of older ones are rewritten.
  struct Change: Sendable {
    let version: Int
    /// Inputs that were attributes, lists of integers.
    var moves: [(attribute: String, input: Int)] = []
    let upgrade: @Sendable (inout ImportedNode) throws(Diagnostic) -> Void
  }

  /// Constant operands that are attributes in a file of an older opset.
  func attributes(
    of node: Node, _ graph: Graph, opset: Int
  ) -> [(name: String, input: Int, integers: [Int])] {
    changes.filter { $0.version > opset }.flatMap(\.moves).compactMap { move in
      guard move.input < node.operands.count, let operand = node.operands[move.input],
        let integers = graph[operand].constant?.integers
      else { return nil }
      return (move.attribute, move.input, integers)
    }
  }

  init(
    _ op: String, _ changes: [Change] = [],
    needed: @escaping @Sendable (Node, Graph) -> Int = { _, _ in 13 }
  ) {
    self.op = op
    self.changes = changes
    self.needed = needed
  }
}

/// A node on its way from a file into the graph, in whatever form its opset has.
struct ImportedNode {
  /// What the operation is called; an upgrade may rename it.
  var type: String
  /// Empty for an absent one.
  var inputs: [String]
  var outputs: [String]
  var attributes: [(name: String, value: AttributeValue)]
  /// The types of the inputs; `nil` for an absent one.
  let types: [TensorType?]
  /// The element type of the first input, f32 where there is none.
  var element: ElementType { types.first.flatMap { $0?.element } ?? .f32 }
  /// The shape of the first input, where it is known.
  var shape: Shape? { types.first.flatMap { $0?.shape } }
  /// The shapes of the inputs, where they are known.
  var shapes: [Shape?] { types.map { $0?.shape } }
  /// Constants that the upgrade makes, by name.
  var constants: [(name: String, tensor: AnyTensor)] = []
  /// Nodes that go in front or behind: the upgrade of an operation that became several.
  var before: [ExtraNode] = []
  var after: [ExtraNode] = []

  struct ExtraNode {
    let op: any Operation
    let inputs: [String]
    let output: String
  }

  /// What the names of values that an upgrade makes begin with; a file may leave out the outputs.
  var stem: String { outputs.first ?? type }

  /// Removes an attribute and returns its value.
  mutating func take(_ name: String) -> AttributeValue? {
    guard let index = attributes.firstIndex(where: { $0.name == name }) else { return nil }
    return attributes.remove(at: index).value
  }

  func has(_ name: String) -> Bool { attributes.contains { $0.name == name } }

  /// Makes a tensor the input of that index.
  mutating func setInput(_ index: Int, to tensor: AnyTensor, named suffix: String) {
    while inputs.count <= index { inputs.append("") }
    let name = "\(stem).\(suffix)"
    constants.append((name, tensor))
    inputs[index] = name
  }

  /// Puts axes of size 1 into an input, which has a known rank.
  mutating func unsqueezeInput(_ index: Int, axes: [Int]) {
    let name = "\(stem).input\(index)"
    constants.append((name + ".axes", AnyTensor(shape: [axes.count], axes.map(Int64.init))))
    before.append(.init(op: Unsqueeze(), inputs: [inputs[index], name + ".axes"], output: name))
    inputs[index] = name
  }
}

extension OpsetHistory.Change {
  /// Lists of integers that were attributes became inputs.
  static func integersBecameInputs(
    at version: Int, _ moves: [(attribute: String, input: Int)]
  ) -> Self {
    .init(version: version, moves: moves) { node throws(Diagnostic) in
      for (attribute, input) in moves {
        guard case .ints(let list)? = node.take(attribute) else { continue }
        node.setInput(
          input, to: AnyTensor(shape: [list.count], list.map(Int64.init)), named: attribute)
      }
    }
  }

  /// Numbers of the element type of the first input that were attributes became inputs.
  static func scalarsBecameInputs(
    at version: Int, _ moves: [(attribute: String, input: Int)]
  ) -> Self {
    .init(version: version) { node throws(Diagnostic) in
      for (attribute, input) in moves {
        guard case .float(let number)? = node.take(attribute) else { continue }
        let element = node.element.isFloatingPoint ? node.element : .f32
        node.setInput(
          input, to: AnyTensor(element, shape: [], rounding: [Double(number)]), named: attribute)
      }
    }
  }

  /// Attributes that no longer exist, and that changed nothing for inference.
  static func dropped(at version: Int, _ names: [String]) -> Self {
    .init(version: version) { node throws(Diagnostic) in for name in names { _ = node.take(name) } }
  }

  /// A newer name of the operation.
  static func renamed(at version: Int, to name: String) -> Self {
    .init(version: version) { node throws(Diagnostic) in node.type = name }
  }

  /// An attribute that had another name before.
  static func attributeRenamed(at version: Int, _ old: String, to new: String) -> Self {
    .init(version: version) { node throws(Diagnostic) in
      if let value = node.take(old) { node.attributes.append((new, value)) }
    }
  }

  /// A default that was another one before.
  static func defaultWas(at version: Int, _ name: String, _ value: AttributeValue) -> Self {
    .init(version: version) { node throws(Diagnostic) in
      if !node.has(name) { node.attributes.append((name, value)) }
    }
  }
}
