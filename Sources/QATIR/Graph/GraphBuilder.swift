import QATCore

/// Emits nodes into a graph at one place, for rewrites, gradients and programs that make graphs.
///
/// Emitting does not throw, so that arithmetic reads as arithmetic: the first mistake is kept in
/// `failure`, everything emitted after it has unknown type, and whoever owns the builder throws it.
public struct GraphBuilder: Sendable {
  /// What is emitted into.
  public var graph: Graph
  /// New nodes go in front of this one; at the end where `nil`.
  public var insertionPoint: NodeID?
  /// Names of the source nodes that new nodes come from.
  public var origins: [String] = []
  /// What the names of new nodes begin with.
  public var namePrefix = ""
  /// The first mistake; `nil` while there is none.
  public private(set) var failure: Diagnostic?
  /// The nodes emitted so far, in order.
  public private(set) var emitted: [NodeID] = []

  /// A builder that emits in front of a node, or at the end.
  public init(_ graph: Graph, before insertionPoint: NodeID? = nil) {
    self.graph = graph
    self.insertionPoint = insertionPoint
  }

  /// Emits an operation with one result.
  /// - Parameter name: of the node and its result; made from the operation's type where `nil`.
  public mutating func emit(
    _ op: any Operation, _ operands: [ValueID?], name: String? = nil
  ) -> ValueID {
    emit(op, operands, results: 1, name: name)[0]
  }

  /// Emits an operation and returns its first `results` results.
  public mutating func emit(
    _ op: any Operation, _ operands: [ValueID?], results: Int, name: String? = nil
  ) -> [ValueID] {
    let name = graph.freeValueName(name ?? namePrefix + op.name.type)
    var types: [TensorType]
    do throws(Diagnostic) {
      types = try graph.inferredTypes(of: op, operands, resultCount: results)
    } catch {
      failure = failure ?? error.at("node '\(name)' (\(op.name))")
      types = Array(repeating: TensorType(.f32, nil), count: results)
    }
    let node = graph.insertNode(
      op, operands, name: name, results: Array(repeating: "", count: results), types: types,
      origins: origins, before: insertionPoint)
    emitted.append(node)
    return graph[node].results.compactMap { $0 }
  }

  /// Emits an operation that is there for its effect alone.
  public mutating func emitEffect(_ op: any Operation, _ operands: [ValueID?], name: String) {
    emitted.append(
      graph.insertNode(
        op, operands, name: name, results: [], types: [], origins: origins, before: insertionPoint))
  }

  /// Adds a constant; its name gets the prefix, and a number where it is taken.
  public mutating func constant(_ tensor: AnyTensor, name: String = "constant") -> ValueID {
    graph.addConstant(graph.freeValueName(namePrefix + name), tensor)
  }

  /// A scalar constant of the element type of `value`, for arithmetic with it.
  public mutating func scalar(_ number: Double, like value: ValueID) -> ValueID {
    let element = graph[value].type.element
    let type: ElementType = element.isFloatingPoint ? element : .f32
    return constant(AnyTensor(type, shape: [], rounding: [number]), name: "scalar")
  }

  /// Adds a constant i64[N].
  public mutating func integers(_ integers: [Int]) -> ValueID {
    constant(AnyTensor(shape: [integers.count], integers.map(Int64.init)), name: "integers")
  }

  /// The type of a value.
  public func type(of value: ValueID) -> TensorType { graph[value].type }
}
