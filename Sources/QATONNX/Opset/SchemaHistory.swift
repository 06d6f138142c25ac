import QATCore
import QATIR

/// What ONNX's schema of an operation gained after opset 13: from which on a file may have it.
///
/// Signatures alone; where the meaning of what is written changed, `OpsetHistory.needed` knows.
struct SchemaHistory: Sendable {
  /// The operation itself, where it is younger than 13.
  private var since = 13
  private var attributes: [String: Int] = [:]
  /// Operands by their index.
  private var operands: [Int: Int] = [:]
  /// Pairs of operands whose element types may differ.
  private var pairs: [(first: Int, second: Int, since: Int)] = []
  /// Element types of operands and of results, by their index.
  private var operandElements: [Int: [ElementType: Int]] = [:]
  private var resultElements: [Int: [ElementType: Int]] = [:]

  /// Reads what came when: `@15` the operation, `round_mode@24` an attribute, `#3@18` an operand,
  /// `0/1@23` element types that may differ, `0:i4,u4@21` and `>0:i4,u4@21` element types.
  private init(_ tokens: [Substring]) {
    for token in tokens {
      let parts = token.split(separator: "@", omittingEmptySubsequences: false)
      guard parts.count == 2, let version = Int(parts[1]) else {
        preconditionFailure("\(token) in the table of schemas")
      }
      add(parts[0], version)
    }
  }

  private mutating func add(_ what: Substring, _ version: Int) {
    if what.isEmpty {
      since = version
    } else if what.first == "#", let index = Int(what.dropFirst()) {
      operands[index] = version
    } else if let slash = what.firstIndex(of: "/"), let first = Int(what[..<slash]),
      let second = Int(what[what.index(after: slash)...])
    {
      pairs.append((first, second, version))
    } else if let colon = what.firstIndex(of: ":") {
      let isResult = what.first == ">"
      guard let index = Int(what[..<colon].drop { $0 == ">" }) else { return }
      for name in what[what.index(after: colon)...].split(separator: ",") {
        guard let element = ElementType(name: String(name)) else { continue }
        if isResult {
          resultElements[index, default: [:]][element] = version
        } else {
          operandElements[index, default: [:]][element] = version
        }
      }
    } else {
      attributes[String(what)] = version
    }
  }

  /// The lowest opset from 13 on whose schema has all that a node of ONNX's own domain has.
  /// - Parameter absent: operands that are written otherwise.
  static func needed(_ node: Node, _ graph: Graph, without absent: Set<Int> = []) -> Int {
    all[node.op.name.type]?.needed(node, graph, without: absent) ?? 13
  }

  private func needed(_ node: Node, _ graph: Graph, without absent: Set<Int>) -> Int {
    var highest = since
    func note(_ version: Int?) { highest = max(highest, version ?? highest) }
    func element(_ index: Int) -> ElementType? {
      guard node.operands.indices.contains(index), !absent.contains(index) else { return nil }
      return node.operands[index].map { graph[$0].type.element }
    }
    if !attributes.isEmpty {
      for (name, _) in node.op.attributeValues { note(attributes[name]) }
    }
    for index in node.operands.indices {
      guard let element = element(index) else { continue }
      note(operands[index])
      // Those of a list have the types of its first.
      note((operandElements[index] ?? operandElements[0])?[element])
    }
    for pair in pairs {
      guard let first = element(pair.first), let second = element(pair.second) else { continue }
      if first != second { note(pair.since) }
    }
    for (index, result) in node.results.enumerated() {
      guard let result else { continue }
      note(resultElements[index]?[graph[result].type.element])
    }
    return highest
  }

  private static let all: [String: SchemaHistory] = Dictionary(
    uniqueKeysWithValues: table.split(separator: "\n").map { line in
      let tokens = line.split(separator: " ")
      return (String(tokens[0]), SchemaHistory(Array(tokens.dropFirst())))
    })
}
