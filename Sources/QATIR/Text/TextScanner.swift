import QATCore

/// Reads names, numbers and punctuation from the UTF-8 bytes of a text, and says where it stopped.
///
/// Nothing here recurses, so that no input is too deep; every function moves forward or throws.
struct TextScanner {
  private(set) var position = 0
  private let bytes: [UInt8]
  private let fileName: String

  /// Digits and signs of one number; more are no number that anybody wrote.
  private static let longestNumber = 1000

  init(_ text: String, fileName: String) {
    // The zero stands for the end; in the text itself it is no part of the language.
    bytes = Array(text.utf8) + [0]
    self.fileName = fileName
  }

  var isAtEnd: Bool { position >= bytes.count - 1 }
  var next: UInt8 { bytes[position] }

  /// Goes back to where a word began.
  mutating func returnTo(_ start: Int) { position = start }

  // MARK: - Space

  /// Skips spaces and comments inside a line.
  mutating func skipBlanks() {
    while true {
      switch next {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): position += 1
      case UInt8(ascii: "/") where bytes[position + 1] == UInt8(ascii: "/"):
        while !isAtEnd && next != UInt8(ascii: "\n") { position += 1 }
      default: return
      }
    }
  }

  /// Skips spaces, comments and ends of lines.
  mutating func skipLines() {
    skipBlanks()
    while next == UInt8(ascii: "\n") {
      position += 1
      skipBlanks()
    }
  }

  /// Requires that nothing more stands in this line, except the end of a block.
  mutating func endStatement() throws(Diagnostic) {
    skipBlanks()
    guard next == UInt8(ascii: "\n") || next == UInt8(ascii: "}") || isAtEnd else {
      throw unexpected("the end of the line")
    }
  }

  // MARK: - Punctuation

  mutating func accept(_ symbol: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: symbol), !isAtEnd else { return false }
    position += 1
    return true
  }

  mutating func expect(_ symbol: Unicode.Scalar) throws(Diagnostic) {
    guard accept(symbol) else { throw unexpected("'\(symbol)'") }
  }

  mutating func expectArrow() throws(Diagnostic) {
    guard next == UInt8(ascii: "-"), bytes[position + 1] == UInt8(ascii: ">") else {
      throw unexpected("'->'")
    }
    position += 2
  }

  // MARK: - Names

  /// A plain identifier, or `nil`, and then nothing is read.
  mutating func identifier() -> String? {
    guard next != UInt8(ascii: "-"), next != UInt8(ascii: ":") else { return nil }
    var end = position
    while isIdentifierByte(bytes[end]) {
      // `//` begins a comment.
      if bytes[end] == UInt8(ascii: "/"), bytes[end + 1] == UInt8(ascii: "/") { break }
      end += 1
    }
    // The colon of `%x: f32[N]` is no part of the name.
    while end > position, bytes[end - 1] == UInt8(ascii: ":") { end -= 1 }
    guard end > position else { return nil }
    defer { position = end }
    return String(decoding: bytes[position..<end], as: UTF8.self)
  }

  mutating func identifier(_ expected: String) throws(Diagnostic) -> String {
    guard let name = identifier() else { throw unexpected(expected) }
    return name
  }

  /// An identifier or a quoted text.
  mutating func name(_ expected: String) throws(Diagnostic) -> String {
    if next == UInt8(ascii: "\"") { return try quotedText() }
    return try identifier(expected)
  }

  var isAtQuote: Bool { next == UInt8(ascii: "\"") }

  /// A text in double quotes, which ends in the line where it began.
  mutating func quotedText() throws(Diagnostic) -> String {
    let start = position
    try expect("\"")
    var text: [UInt8] = []
    while true {
      guard !isAtEnd, next != UInt8(ascii: "\n") else {
        throw error(.syntax, "this text has no closing '\"'", at: start)
      }
      let byte = next
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"): text.append(contentsOf: try escapedScalar())
      default: text.append(byte)
      }
    }
  }

  /// What follows a backslash.
  private mutating func escapedScalar() throws(Diagnostic) -> [UInt8] {
    let start = position - 1
    position += isAtEnd ? 0 : 1
    switch bytes[start + 1] {
    case UInt8(ascii: "n"): return [0x0a]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "r"): return [0x0d]
    case UInt8(ascii: "\""): return [UInt8(ascii: "\"")]
    case UInt8(ascii: "\\"): return [UInt8(ascii: "\\")]
    case UInt8(ascii: "u"):
      try expect("{")
      let code = hexadecimal(atMost: 6)
      if let code, let scalar = Unicode.Scalar(UInt32(code)), accept("}") {
        return Array(String(Character(scalar)).utf8)
      }
    default: break
    }
    throw error(
      .syntax, "unknown escape in a text", at: start, hint: #"known: \" \\ \n \t \r \u{e9}"#)
  }

  // MARK: - Numbers

  /// Hexadecimal digits, or `nil` where there are none or too many.
  mutating func hexadecimal(atMost count: Int) -> UInt64? {
    var value: UInt64 = 0
    let start = position
    while position - start < count, let digit = hexDigit(next) {
      value = value << 4 | UInt64(digit)
      position += 1
    }
    return position == start ? nil : value
  }

  /// Pairs of hexadecimal digits in quotes.
  mutating func hexBytes() throws(Diagnostic) -> [UInt8] {
    let start = position
    try expect("\"")
    var result: [UInt8] = []
    while let high = hexDigit(next), let low = hexDigit(bytes[position + 1]) {
      result.append(high << 4 | low)
      position += 2
    }
    guard accept("\"") else {
      throw error(.syntax, "expected pairs of hexadecimal digits in quotes", at: start)
    }
    return result
  }

  private func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// A number as written.
  struct Number {
    /// Where it begins.
    let start: Int
    let isNegative: Bool
    /// The value of an integer's digits; `nil` for a float.
    let magnitude: UInt64?
    let text: String
  }

  /// `-12`, `1.5`, `1e-05`; `inf` and `nan` are names.
  mutating func number() throws(Diagnostic) -> Number {
    let start = position
    let isNegative = accept("-")
    let digits = try self.digits()
    var isFloat = false
    if next == UInt8(ascii: ".") {
      position += 1
      _ = try self.digits()
      isFloat = true
    }
    if next | 0x20 == UInt8(ascii: "e") {
      position += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      _ = try self.digits()
      isFloat = true
    }
    guard position - start <= Self.longestNumber else {
      throw error(.syntax, "a number of \(position - start) digits", at: start)
    }
    let text = isFloat ? String(decoding: bytes[start..<position], as: UTF8.self) : ""
    if isFloat { return Number(start: start, isNegative: isNegative, magnitude: nil, text: text) }
    var magnitude: UInt64 = 0
    for digit in bytes[digits] {
      let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
      guard !overflow, !carry else {
        throw error(.syntax, "this integer has more than 64 bits", at: start)
      }
      magnitude = sum
    }
    return Number(start: start, isNegative: isNegative, magnitude: magnitude, text: text)
  }

  private mutating func digits() throws(Diagnostic) -> Range<Int> {
    let start = position
    while next >= UInt8(ascii: "0") && next <= UInt8(ascii: "9") { position += 1 }
    guard position > start else { throw unexpected("a digit") }
    return start..<position
  }

  // MARK: - Diagnostics

  /// An error of the text at a place in it, or at the next byte.
  func error(
    _ code: Diagnostic.Code, _ message: String, at start: Int? = nil, hint: String? = nil
  ) -> Diagnostic {
    Diagnostic(code, message, at: place(of: start ?? position), hint: hint)
  }

  /// `lenet.qir:14:9`: lines and columns (in Unicode scalars) count from 1. O(n).
  func place(of offset: Int) -> String {
    let before = bytes[..<offset]
    let line = before.reduce(1) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let column = before[lineStart...].reduce(1) { $0 + ($1 & 0xc0 == 0x80 ? 0 : 1) }
    return "\(fileName):\(line):\(column)"
  }

  /// "expected X, found Y".
  func unexpected(_ expected: String) -> Diagnostic {
    error(.syntax, "expected \(expected), found \(nextToken)")
  }

  /// What stands next, for messages.
  private var nextToken: String {
    if isAtEnd { return "the end of the text" }
    if next == UInt8(ascii: "\n") { return "the end of the line" }
    var end = position + 1
    if isIdentifierByte(next) {
      while isIdentifierByte(bytes[end]), end - position < 40 { end += 1 }
    } else {
      while bytes[end] & 0xc0 == 0x80 { end += 1 }
    }
    return quoted(String(decoding: bytes[position..<end], as: UTF8.self))
  }
}
