import QATCore
import QATIR

/// What a value must look like: the operation that computes it, its operands, who else reads it.
public struct Pattern: Sendable {
  let matches: @Sendable (_ value: ValueID?, _ graph: Graph, _ match: inout Match) -> Bool
  /// The type of operation at the root, where the pattern names one: the driver's first filter.
  let root: ObjectIdentifier?

  init(
    root: ObjectIdentifier? = nil,
    _ matches: @escaping @Sendable (ValueID?, Graph, inout Match) -> Bool
  ) {
    self.root = root
    self.matches = matches
  }

  /// Any value, but one must be there.
  public static let any = Pattern { value, _, _ in value != nil }

  /// The pattern, or an operand that is absent.
  public func orAbsent() -> Pattern {
    Pattern(root: root) { value, graph, match in
      value == nil || matches(value, graph, &match)
    }
  }

  /// The value has one reader and is no output, so that it may change its meaning.
  public var usedOnce: Pattern {
    Pattern(root: root) { value, graph, match in
      guard let value, graph.isUsedOnce(value) else { return false }
      return matches(value, graph, &match)
    }
  }

  /// A condition on the value itself.
  public func `where`(_ condition: @escaping @Sendable (ValueID, Graph) -> Bool) -> Pattern {
    Pattern(root: root) { value, graph, match in
      guard let value, condition(value, graph) else { return false }
      return matches(value, graph, &match)
    }
  }
}

/// Something that can stand in a pattern.
public protocol PatternConvertible: Sendable {
  /// What it matches.
  var pattern: Pattern { get }
}

extension Pattern: PatternConvertible {
  public var pattern: Pattern { self }
}
extension PatternConvertible where Self == Pattern {
  /// Any value, but one must be there.
  public static var any: Pattern { Pattern.any }
}

/// Matches an operation of one type and remembers its node.
public struct Capture<Op: Operation>: PatternConvertible {
  let name: String
  private let condition: @Sendable (Op) -> Bool

  /// A capture of an operation that the condition holds for.
  public init(_ name: String, where condition: @escaping @Sendable (Op) -> Bool = { _ in true }) {
    self.name = name
    self.condition = condition
  }

  /// The operation with any operands.
  public var pattern: Pattern { pattern(of: nil) }

  /// The operation with these operands first; operands beyond them may be anything.
  public func callAsFunction(_ operands: any PatternConvertible...) -> Pattern {
    pattern(of: operands.map(\.pattern))
  }

  private func pattern(of operands: [Pattern]?) -> Pattern {
    let name = name, condition = condition
    return Pattern(root: ObjectIdentifier(Op.self)) { value, graph, match in
      guard let value, let (node, op) = graph.operation(Op.self, of: value), condition(op),
        graph[node].results.first == value
      else { return false }
      if let bound = match.nodes[name], bound != node { return false }
      match.nodes[name] = node
      let actual = graph[node].operands
      for (index, operand) in (operands ?? []).enumerated()
      where !operand.matches(index < actual.count ? actual[index] : nil, graph, &match) {
        return false
      }
      return true
    }
  }
}

/// Matches a value and remembers it; the same capture twice must be the same value.
public struct ValueCapture: PatternConvertible {
  let name: String
  private let condition: @Sendable (ValueID, Graph) -> Bool

  /// A capture of any value that the condition holds for.
  public init(
    _ name: String, where condition: @escaping @Sendable (ValueID, Graph) -> Bool = { _, _ in true }
  ) {
    self.name = name
    self.condition = condition
  }

  public var pattern: Pattern {
    let name = name, condition = condition
    return Pattern { value, graph, match in
      guard let value, condition(value, graph) else { return false }
      if let bound = match.values[name] { return bound == value }
      match.values[name] = value
      return true
    }
  }
}

/// Matches what does not depend on the graph's inputs: constants, variables, and arithmetic on them.
public struct ParameterCapture: PatternConvertible {
  let name: String
  /// A capture of a constant or variable.
  public init(_ name: String) { self.name = name }

  public var pattern: Pattern {
    ValueCapture(name) { value, graph in graph.isParameter(value) }.pattern
  }

  /// The parameter, or an operand that is absent.
  public var optional: Pattern { pattern.orAbsent() }
}

extension Graph {
  /// Whether a value is a constant, a variable, or computed from those alone (at most 16 nodes deep).
  public func isParameter(_ value: ValueID, depth: Int = 16) -> Bool {
    if self[value].parameter != nil { return true }
    guard depth > 0, let producer = producer(of: value), !(self[producer].op is Opaque) else {
      return false
    }
    let operands = self[producer].operands.compactMap { $0 }
    return !operands.isEmpty && operands.allSatisfy { isParameter($0, depth: depth - 1) }
  }
}

/// Where a pattern was found.
public struct Match: Sendable {
  /// The node at the pattern's root.
  public let root: NodeID
  var nodes: [String: NodeID] = [:]
  var values: [String: ValueID] = [:]

  init(root: NodeID) { self.root = root }

  /// The node of a capture that the pattern requires.
  public subscript<Op: Operation>(capture: Capture<Op>) -> NodeID {
    guard let node = nodes[capture.name] else {
      preconditionFailure("\(capture.name) not in the pattern")
    }
    return node
  }

  /// What was captured, for arithmetic.
  public subscript(capture: ParameterCapture) -> Term {
    guard let value = values[capture.name] else {
      preconditionFailure("\(capture.name) not in the pattern")
    }
    return Term(value)
  }

  /// The value that was captured; `nil` where it is not part of the match.
  public func value(_ capture: ParameterCapture) -> ValueID? { values[capture.name] }
  /// The value that was captured; `nil` where it is not part of the match.
  public func value(_ capture: ValueCapture) -> ValueID? { values[capture.name] }
}
