import QATCore

/// Reads YAML nodes as what they should be, and says where one is not.
struct YAMLReader {
  /// The name to show in messages.
  let file: String

  /// The document, or `nil` where there is none.
  /// - Throws: `syntax` where it is none.
  func compose(_ text: String) throws(Diagnostic) -> YAMLNode? {
    do throws(YAMLEvents.Problem) {
      var composer = try YAMLComposer(text)
      return try composer.document()
    } catch {
      guard let mark = error.mark else {
        throw Diagnostic(
          .syntax, "no YAML: \(error.text)", at: file, hint: "the file must be UTF-8 text")
      }
      throw Diagnostic(
        .syntax, "no YAML: \(error.text)", at: place(mark),
        hint: "check the indentation and the quotes")
    }
  }

  /// `FILE:LINE:COLUMN`.
  func place(_ node: YAMLNode) -> String { place(node.mark) }

  func error(
    _ node: YAMLNode, _ code: Diagnostic.Code, _ message: String, _ hint: String?
  ) -> Diagnostic {
    Diagnostic(code, message, at: place(node), hint: hint)
  }

  /// The values of a mapping by key.
  ///
  /// - Throws: `unknown-name`, at the key, for one that is not known.
  func mapping(_ node: YAMLNode, _ known: [String]) throws(Diagnostic) -> [String: YAMLNode] {
    guard case .mapping(let pairs) = node.content else {
      throw error(
        node, .syntax, "expected settings (KEY: VALUE)",
        "the keys are \(known.joined(separator: ", "))")
    }
    for (key, _) in pairs {
      let name = try string(key)
      guard known.contains(name) else {
        throw error(
          key, .unknownName, "there is no setting '\(name)' here", nameHint(name, among: known))
      }
    }
    return Dictionary(uniqueKeysWithValues: try named(pairs))
  }

  /// The values of a mapping whose keys are names.
  func pairs(_ node: YAMLNode) throws(Diagnostic) -> [(name: String, value: YAMLNode)] {
    guard case .mapping(let pairs) = node.content else {
      throw error(node, .syntax, "expected names, each with its settings", "as in NAME: {…}")
    }
    return try named(pairs)
  }

  private func named(
    _ pairs: [(key: YAMLNode, value: YAMLNode)]
  ) throws(Diagnostic) -> [(name: String, value: YAMLNode)] {
    var names: Set<String> = [], result: [(name: String, value: YAMLNode)] = []
    for (key, value) in pairs {
      let name = try string(key)
      guard names.insert(name).inserted else {
        throw error(key, .syntax, "'\(name)' stands twice", "keep one of them")
      }
      result.append((name, value))
    }
    return result
  }

  func sequence(_ node: YAMLNode) throws(Diagnostic) -> [YAMLNode] {
    guard case .sequence(let nodes) = node.content else {
      throw error(node, .syntax, "expected a list", "start each entry with '- '")
    }
    return nodes
  }

  func string(_ node: YAMLNode) throws(Diagnostic) -> String {
    guard case .scalar(let text) = node.content else {
      throw error(node, .syntax, "expected one word", "put text with special characters in quotes")
    }
    return text
  }

  func bool(_ node: YAMLNode) throws(Diagnostic) -> Bool {
    let text = try string(node)
    guard let value = Bool(text) else {
      throw error(node, .syntax, "'\(text)' is neither true nor false", "write true or false")
    }
    return value
  }

  func integer(_ node: YAMLNode) throws(Diagnostic) -> Int {
    let text = try string(node)
    guard let value = Int(text) else {
      throw error(node, .syntax, "'\(text)' is no whole number", "as in 8")
    }
    return value
  }

  func number(_ node: YAMLNode) throws(Diagnostic) -> Double {
    let text = try string(node)
    guard let value = Double(text), value.isFinite else {
      throw error(node, .syntax, "'\(text)' is no number", "as in 0.1")
    }
    return value
  }

  /// A finite float32, the nearest to the decimal text.
  func float(_ node: YAMLNode) throws(Diagnostic) -> Float {
    let text = try string(node)
    guard let value = Float(text), value.isFinite else {
      throw error(node, .syntax, "'\(text)' is no number", "as in 0.1")
    }
    return value
  }

  /// One of the words of an enumeration.
  func word<Word: RawRepresentable<String> & CaseIterable>(
    _ node: YAMLNode, of type: Word.Type, _ what: String
  ) throws(Diagnostic) -> Word {
    let text = try string(node)
    guard let word = Word(rawValue: text) else {
      throw error(
        node, .unknownName, "there is no \(what) '\(text)'",
        nameHint(text, among: Word.allCases.map(\.rawValue)))
    }
    return word
  }

  private func place(_ mark: YAMLMark) -> String { "\(file):\(mark.line):\(mark.column)" }
}
