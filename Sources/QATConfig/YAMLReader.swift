import QATCore
import Yams

/// Reads YAML nodes as what they should be, and says where one is not.
struct YAMLReader {
  /// The name to show in messages.
  let file: String

  /// The document, or `nil` where there is none.
  /// - Throws: `syntax` where it is none, or its aliases stand for very much.
  func compose(_ text: String) throws(Diagnostic) -> Node? {
    guard Self.expansion(of: text) <= 1e6 else {
      throw Diagnostic(
        .syntax, "aliases of aliases stand for more than anybody can read", at: file,
        hint: "write it out")
    }
    do { return try Yams.compose(yaml: text) } catch let error as YamlError {
      throw diagnostic(error)
    } catch {
      throw Diagnostic(.syntax, "no YAML: \(error)", at: file, hint: "check the indentation")
    }
  }

  /// At most how many nodes an alias (`*name`) stands for, those in what it stands for counted: Yams
  /// shares them, but compares keys node by node.
  private static func expansion(of text: String) -> Double {
    var anchors: Set<Substring> = [], aliases: [Substring: Double] = [:]
    for word in text.split(whereSeparator: { $0.isWhitespace || ",[]{}:?".contains($0) }) {
      if word.hasPrefix("&") { anchors.insert(word.dropFirst()) }
      if word.hasPrefix("*") { aliases[word.dropFirst(), default: 1] += 1 }
    }
    return anchors.reduce(1) { $0 * aliases[$1, default: 1] }
  }

  /// `FILE:LINE:COLUMN`.
  func place(_ node: Node) -> String { place(node.mark) }

  func error(
    _ node: Node, _ code: Diagnostic.Code, _ message: String, _ hint: String?
  ) -> Diagnostic {
    Diagnostic(code, message, at: place(node), hint: hint)
  }

  /// The values of a mapping by key.
  ///
  /// - Throws: `unknown-name`, at the key, for one that is not known.
  func mapping(_ node: Node, _ known: [String]) throws(Diagnostic) -> [String: Node] {
    guard case .mapping(let pairs) = node else {
      throw error(
        node, .syntax, "expected settings (KEY: VALUE)",
        "the keys are \(known.joined(separator: ", "))")
    }
    var result: [String: Node] = [:]
    for (key, value) in pairs {
      let name = try string(key)
      guard known.contains(name) else {
        throw error(
          key, .unknownName, "there is no setting '\(name)' here", nameHint(name, among: known))
      }
      result[name] = value
    }
    return result
  }

  /// The values of a mapping whose keys are names.
  func pairs(_ node: Node) throws(Diagnostic) -> [(name: String, value: Node)] {
    guard case .mapping(let pairs) = node else {
      throw error(node, .syntax, "expected names, each with its settings", "as in NAME: {…}")
    }
    var result: [(name: String, value: Node)] = []
    for (key, value) in pairs { result.append((try string(key), value)) }
    return result
  }

  func sequence(_ node: Node) throws(Diagnostic) -> [Node] {
    guard case .sequence(let nodes) = node else {
      throw error(node, .syntax, "expected a list", "start each entry with '- '")
    }
    return Array(nodes)
  }

  func string(_ node: Node) throws(Diagnostic) -> String {
    guard case .scalar(let scalar) = node else {
      throw error(node, .syntax, "expected one word", "put text with special characters in quotes")
    }
    return scalar.string
  }

  func bool(_ node: Node) throws(Diagnostic) -> Bool {
    let text = try string(node)
    guard let value = Bool(text) else {
      throw error(node, .syntax, "'\(text)' is neither true nor false", "write true or false")
    }
    return value
  }

  func integer(_ node: Node) throws(Diagnostic) -> Int {
    let text = try string(node)
    guard let value = Int(text) else {
      throw error(node, .syntax, "'\(text)' is no whole number", "as in 8")
    }
    return value
  }

  func number(_ node: Node) throws(Diagnostic) -> Double {
    let text = try string(node)
    guard let value = Double(text), value.isFinite else {
      throw error(node, .syntax, "'\(text)' is no number", "as in 0.1")
    }
    return value
  }

  /// A finite float32, the nearest to the decimal text.
  func float(_ node: Node) throws(Diagnostic) -> Float {
    let text = try string(node)
    guard let value = Float(text), value.isFinite else {
      throw error(node, .syntax, "'\(text)' is no number", "as in 0.1")
    }
    return value
  }

  /// One of the words of an enumeration.
  func word<Word: RawRepresentable<String> & CaseIterable>(
    _ node: Node, of type: Word.Type, _ what: String
  ) throws(Diagnostic) -> Word {
    let text = try string(node)
    guard let word = Word(rawValue: text) else {
      throw error(
        node, .unknownName, "there is no \(what) '\(text)'",
        nameHint(text, among: Word.allCases.map(\.rawValue)))
    }
    return word
  }

  private func place(_ mark: Mark?) -> String {
    mark.map { "\(file):\($0.line):\($0.column)" } ?? file
  }

  private func diagnostic(_ error: YamlError) -> Diagnostic {
    let hint = "check the indentation and the quotes"
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return Diagnostic(.syntax, "no YAML: \(problem)", at: place(mark), hint: hint)
    case .duplicatedKeysInMapping(let keys, let context):
      return Diagnostic(
        .syntax, "'\(keys.joined(separator: "', '"))' stands twice", at: place(context.mark),
        hint: "keep one of them")
    case .reader(let problem, _, _, _):
      return Diagnostic(
        .syntax, "no YAML: \(problem)", at: file, hint: "the file must be UTF-8 text")
    default:
      return Diagnostic(.syntax, "no YAML: \(error)", at: file, hint: hint)
    }
  }
}
