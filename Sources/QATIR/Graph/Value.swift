import QATCore

/// Names a value of one graph; stays the same through every edit that keeps the value.
public struct ValueID: Hashable, Sendable, Comparable {
  let index: Int
  public static func < (a: ValueID, b: ValueID) -> Bool { a.index < b.index }
}

/// Names a node of one graph.
public struct NodeID: Hashable, Sendable {
  let index: Int
}

/// A tensor that flows through a graph.
public struct Value: Sendable {
  /// Where its contents come from.
  public enum Definition: Sendable {
    /// Given to the graph when it runs.
    case input
    /// Contents that never change.
    case constant(AnyTensor)
    /// A named tensor that running may change; here with the contents it starts from.
    case variable(AnyTensor)
    /// Computed by a node: its result of that index.
    case result(of: NodeID, Int)
  }

  /// Unique among the values of the graph.
  public internal(set) var name: String
  /// Element type and shape.
  public internal(set) var type: TensorType
  /// Where its contents come from.
  public internal(set) var definition: Definition
  /// The nodes that read it, one entry for each operand.
  public internal(set) var users: [NodeID] = []
  /// Where it stands among the graph's outputs.
  var outputPositions: [Int] = []

  /// The contents of a constant.
  public var constant: AnyTensor? {
    if case .constant(let tensor) = definition { tensor } else { nil }
  }
  /// The contents a variable starts from.
  public var variable: AnyTensor? {
    if case .variable(let tensor) = definition { tensor } else { nil }
  }
  /// The contents of a constant, or those a variable starts from.
  public var parameter: AnyTensor? { constant ?? variable }
  /// The node that computes it.
  public var producer: NodeID? {
    if case .result(let node, _) = definition { node } else { nil }
  }
  /// Whether a run is given it.
  public var isInput: Bool { if case .input = definition { true } else { false } }
}

/// An operation applied to values.
public struct Node: Sendable {
  /// What it computes.
  public internal(set) var op: any Operation
  /// `nil` for an optional operand that is absent.
  public internal(set) var operands: [ValueID?]
  /// `nil` for a result that nobody asked for.
  public internal(set) var results: [ValueID?]
  /// Unique among the nodes of the graph; the name of the first result when the file gave none.
  public internal(set) var name: String
  /// The names of the nodes of the imported model that it came from, if they are other than `name`.
  public internal(set) var origins: [String] = []
  /// Notes that survive passes and files: which rule of the configuration decided, and the like.
  public internal(set) var metadata: [String: String] = [:]

  var previous: NodeID?
  var next: NodeID?

  /// The first result, which all but a few operations (`qat.Assign`) have.
  public var result: ValueID {
    guard let first = results.first, let value = first else {
      preconditionFailure("\(op.name) '\(name)' has no first result")
    }
    return value
  }
}
