import QATCore

// Types and attributes.
extension GraphParser {
  // MARK: - Types

  /// `f32[4*N,3,?]`, `f32[*]`.
  mutating func type() throws(Diagnostic) -> TensorType {
    let start = scanner.position
    let name = try scanner.identifier("a type")
    guard let element = ElementType(name: name) else {
      throw scanner.error(
        .unknownName, "'\(name)' is no element type", at: start,
        hint: nameHint(name, among: ElementType.allCases.map(\.name)))
    }
    try scanner.expect("[")
    if scanner.accept("*") {
      try scanner.expect("]")
      return TensorType(element, nil)
    }
    var dimensions: [Dimension] = []
    try list(closing: "]") { parser throws(Diagnostic) in
      guard dimensions.count < Shape.highestRank else {
        throw parser.scanner.error(.syntax, "more than \(Shape.highestRank) dimensions")
      }
      dimensions.append(try parser.dimension())
    }
    return TensorType(element, Shape(dimensions))
  }

  private mutating func dimension() throws(Diagnostic) -> Dimension {
    if scanner.accept("?") { return .unknown }
    let start = scanner.position
    var product: Dimension = 1
    repeat {
      product = product * (try factor())
      guard !product.isUnknown else {
        throw scanner.error(.syntax, "this dimension has more than 63 bits", at: start)
      }
    } while scanner.accept("*")
    return product
  }

  private mutating func factor() throws(Diagnostic) -> Dimension {
    let start = scanner.position
    if scanner.isAtQuote {
      let symbol = try scanner.quotedText()
      guard !symbol.isEmpty else {
        throw scanner.error(.syntax, "a symbol without a name", at: start, hint: "write ? instead")
      }
      return Dimension(symbol: symbol)
    }
    let text = try scanner.identifier("a dimension")
    guard text.utf8.allSatisfy({ (48...57).contains($0) }) else { return Dimension(symbol: text) }
    guard let size = Int(text) else {
      throw scanner.error(.syntax, "this dimension has more than 63 bits", at: start)
    }
    return Dimension(size)
  }

  // MARK: - Attributes

  /// The value of an attribute; its form says its kind.
  mutating func attributeValue() throws(Diagnostic) -> AttributeValue {
    if scanner.isAtQuote { return .string(try scanner.quotedText()) }
    if scanner.accept("[") { return try attributeList(kind: nil) }
    let start = scanner.position
    guard let word = word() else { return try attributeNumber() }
    switch word {
    case "inf": return .float(.infinity)
    case "nan": return .float(Float(bitPattern: UInt32(try nan(.f32, at: start))))
    case "raw": return .raw(try scanner.hexBytes())
    case "graph":
      scanner.returnTo(start)
      return .graph(try body())
    case "dense":
      scanner.skipBlanks()
      let place = scanner.position
      let type = try type()
      scanner.skipBlanks()
      return .tensor(try contents(type, at: place))
    case "ints", "floats", "strings":
      scanner.skipBlanks()
      try scanner.expect("[")
      return try attributeList(kind: word)
    default: return .string(word)
    }
  }

  /// An identifier that begins with a letter.
  mutating func word() -> String? {
    isLetter(scanner.next) ? scanner.identifier() : nil
  }

  private mutating func attributeNumber() throws(Diagnostic) -> AttributeValue {
    if let infinity = acceptNegativeInfinity() { return .float(infinity) }
    let number = try scanner.number()
    guard let magnitude = number.magnitude else {
      return .float(try finite(Float(number.text), number, "f32"))
    }
    return .int(try integer(magnitude, number))
  }

  mutating func acceptNegativeInfinity() -> Float? {
    var ahead = scanner
    guard ahead.accept("-"), ahead.identifier() == "inf" else { return nil }
    scanner = ahead
    return -.infinity
  }

  func integer(
    _ magnitude: UInt64, _ number: TextScanner.Number
  ) throws(Diagnostic) -> Int {
    let pattern = ElementPatterns.pattern(magnitude, negative: number.isNegative, as: .i64)
    guard let pattern else {
      throw scanner.error(.syntax, "this integer has more than 64 bits", at: number.start)
    }
    return Int(Int64(bitPattern: pattern))
  }

  /// After the opening bracket.
  private mutating func attributeList(kind: String?) throws(Diagnostic) -> AttributeValue {
    let start = scanner.position
    var ints: [Int] = []
    var floats: [Float] = []
    var strings: [String] = []
    try list(closing: "]") { parser throws(Diagnostic) in
      let start = parser.scanner.position
      switch try parser.listElement() {
      case .int(let value): ints.append(value)
      case .float(let value): floats.append(value)
      case .string(let value): strings.append(value)
      default: throw parser.scanner.error(.syntax, "a list holds numbers or texts", at: start)
      }
    }
    switch (kind, ints.isEmpty, floats.isEmpty, strings.isEmpty) {
    case (nil, false, true, true), ("ints", _, true, true): return .ints(ints)
    case (nil, true, false, true), ("floats", true, _, true): return .floats(floats)
    case (nil, true, true, false), ("strings", true, true, _): return .strings(strings)
    case (nil, true, true, true):
      throw scanner.error(
        .syntax, "an empty list of nothing", at: start,
        hint: "say of what: ints [], floats [] or strings []")
    default:
      throw scanner.error(
        .syntax, "a list whose elements are not of one kind", at: start,
        hint: "write floats with a point: [1.0, 2.5]")
    }
  }

  /// A number or a text; lists don't nest.
  private mutating func listElement() throws(Diagnostic) -> AttributeValue {
    if scanner.isAtQuote { return .string(try scanner.quotedText()) }
    let start = scanner.position
    guard let word = word() else { return try attributeNumber() }
    switch word {
    case "inf": return .float(.infinity)
    case "nan": return .float(Float(bitPattern: UInt32(try nan(.f32, at: start))))
    default: return .string(word)
    }
  }
}
