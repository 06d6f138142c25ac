import QATCore

/// Reads `name{key=value key="text"},name,…`.
struct PipelineParser {
  private let bytes: [UInt8]
  private var position = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  mutating func passes(_ registry: PassRegistry, depth: Int) throws(Diagnostic) -> [any Pass] {
    var result: [any Pass] = []
    skipSpace()
    while position < bytes.count {
      result += try entry(registry, depth: depth)
      skipSpace()
      guard position < bytes.count else { break }
      try expect(",")
      skipSpace()
    }
    return result
  }

  private mutating func entry(_ registry: PassRegistry, depth: Int) throws(Diagnostic) -> [any Pass]
  {
    let start = position
    let name = word()
    guard !name.isEmpty else { throw syntax("expected the name of a pass") }
    if let text = registry.pipelines[name] {
      guard depth < 8 else { throw syntax("pipeline '\(name)' contains itself") }
      var nested = PipelineParser(text)
      do throws(Diagnostic) { return try nested.passes(registry, depth: depth + 1) } catch {
        throw error.at("pipeline \(name)")
      }
    }
    guard let type = registry[name] else {
      throw Diagnostic(
        .unknownName, "there is no pass or pipeline '\(name)'", at: place(start),
        hint: nameHint(name, among: registry.names))
    }
    var pass: any Pass = type.init()
    skipSpace()
    if peek() == "{" {
      position += 1
      try options(of: &pass)
    }
    return [pass]
  }

  private mutating func options(of pass: inout any Pass) throws(Diagnostic) {
    while true {
      skipSpace()
      if peek() == "," { position += 1; continue }
      if peek() == "}" { position += 1; return }
      let start = position
      let key = word()
      guard !key.isEmpty else { throw syntax("expected an option or '}'") }
      try expect("=")
      let value = peek() == "\"" ? try quotedText() : word()
      do throws(Diagnostic) { try pass.setOption(key, value) } catch {
        throw error.at(place(start))
      }
    }
  }

  private mutating func quotedText() throws(Diagnostic) -> String {
    position += 1
    var text: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
      if byte == UInt8(ascii: "\\"), position < bytes.count {
        text.append(bytes[position])
        position += 1
      } else {
        text.append(byte)
      }
    }
    throw syntax("a text that does not end")
  }

  private mutating func word() -> String {
    let start = position
    while position < bytes.count,
      isIdentifierByte(bytes[position]) || bytes[position] == UInt8(ascii: "+")
    { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private func peek() -> Character? {
    position < bytes.count ? Character(UnicodeScalar(bytes[position])) : nil
  }

  private mutating func expect(_ character: Character) throws(Diagnostic) {
    guard peek() == character else {
      throw syntax(
        "expected '\(character)'\(peek().map { ", found '\($0)'" } ?? " before the end")")
    }
    position += 1
  }

  private mutating func skipSpace() {
    while position < bytes.count {
      if bytes[position] <= UInt8(ascii: " ") {
        position += 1
      } else if bytes[position...].starts(with: "//".utf8) {
        while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
      } else {
        return
      }
    }
  }

  private func place(_ position: Int) -> String { "pipeline:\(position + 1)" }

  private func syntax(_ message: String) -> Diagnostic {
    Diagnostic(
      .syntax, message, at: place(position),
      hint: "a pipeline reads 'pass,pass{option=value option=value}'")
  }
}
