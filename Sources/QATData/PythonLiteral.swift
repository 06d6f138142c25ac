import QATCore

/// The few Python literals that stand in the header of a `.npy` file.
enum PythonLiteral: Equatable {
  case string(String)
  case bool(Bool)
  /// A tuple of sizes.
  case tuple([Int])
  /// A list, whose content nobody here needs.
  case list
}

/// Reads `{'key': literal, …}`; no nesting but that of brackets, no escapes.
struct PythonLiteralParser {
  private var rest: Substring

  init(_ text: String) { rest = text[...] }

  mutating func dictionary() throws(Diagnostic) -> [String: PythonLiteral] {
    var result: [String: PythonLiteral] = [:]
    try expect("{")
    while !accept("}") {
      let key = try string()
      try expect(":")
      guard result.updateValue(try literal(), forKey: key) == nil else {
        throw malformed("'\(key)' stands twice")
      }
      if !accept(",") {
        try expect("}")
        break
      }
    }
    skipBlanks()
    guard rest.isEmpty else { throw malformed("text after the closing brace") }
    return result
  }

  private mutating func literal() throws(Diagnostic) -> PythonLiteral {
    skipBlanks()
    switch rest.first {
    case "'", "\"": return .string(try string())
    case "(": return .tuple(try tuple())
    case "[": return try list()
    default:
      if accept("True") { return .bool(true) }
      if accept("False") { return .bool(false) }
      throw malformed("no value at '\(rest.prefix(8))'")
    }
  }

  private mutating func tuple() throws(Diagnostic) -> [Int] {
    var sizes: [Int] = []
    try expect("(")
    while !accept(")") {
      skipBlanks()
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard let size = Int(digits) else { throw malformed("no size at '\(rest.prefix(20))'") }
      rest = rest[digits.endIndex...]
      // Python 2 wrote long integers with an L.
      if rest.first == "L" { rest.removeFirst() }
      sizes.append(size)
      if !accept(",") {
        try expect(")")
        break
      }
    }
    return sizes
  }

  private mutating func list() throws(Diagnostic) -> PythonLiteral {
    var depth = 0
    while let character = rest.popFirst() {
      if character == "[" { depth += 1 }
      if character == "]" { depth -= 1 }
      if depth == 0 { return .list }
    }
    throw malformed("a list without an end")
  }

  private mutating func string() throws(Diagnostic) -> String {
    skipBlanks()
    guard let quote = rest.first, quote == "'" || quote == "\"",
      let end = rest.dropFirst().firstIndex(of: quote)
    else { throw malformed("no string at '\(rest.prefix(8))'") }
    defer { rest = rest[rest.index(after: end)...] }
    return String(rest.dropFirst()[..<end])
  }

  private mutating func accept(_ token: String) -> Bool {
    skipBlanks()
    guard rest.hasPrefix(token) else { return false }
    rest = rest.dropFirst(token.count)
    return true
  }

  private mutating func expect(_ token: String) throws(Diagnostic) {
    guard accept(token) else { throw malformed("'\(token)' expected at '\(rest.prefix(8))'") }
  }

  private mutating func skipBlanks() { rest = rest.drop { $0.isWhitespace } }

  private func malformed(_ what: String) -> Diagnostic {
    Diagnostic(
      .malformedFile, "the header can't be read: \(what)", hint: "write it with numpy.save")
  }
}
