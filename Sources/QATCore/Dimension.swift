/// One dimension of a shape: a number, a product with named unknowns (`N`, `4*N*S`), or unknown.
///
/// Products are what flattening and splitting of symbolic dimensions need; sums of unlike terms
/// become unknown, and so do products of very many symbols. Two unknown dimensions are equal as text,
/// yet never *known* to be the same.
public struct Dimension: Sendable, Hashable, CustomStringConvertible, ExpressibleByIntegerLiteral {
  /// The factor before the symbols; `Int.min` stands for an unknown dimension. Negative ones only
  /// occur among the elements of shapes as data (the -1 of a Reshape).
  private var coefficient: Int
  /// The symbols of the product, sorted; empty for a number.
  private var symbols: [String]

  /// A size that nothing is known of.
  public static let unknown = Dimension(coefficient: .min, symbols: [])

  /// More symbols are no dimension that anybody writes.
  private static let mostSymbols = 64

  private init(coefficient: Int, symbols: [String]) {
    self.coefficient = coefficient
    self.symbols = coefficient == 0 ? [] : symbols
  }

  /// A negative size is unknown.
  public init(_ size: Int) { self.init(coefficient: size < 0 ? .min : size, symbols: []) }
  public init(integerLiteral size: Int) { self.init(size) }

  /// An element of a shape as data, which may be negative.
  public init(signed integer: Int) { self.init(coefficient: integer, symbols: []) }

  /// A symbol, named by the user or the file; no name is unknown, and so is `?`, which stands in files of
  /// Paddle for each size that is not fixed.
  public init(symbol: String) {
    let isNamed = !symbol.isEmpty && symbol != "?"
    self = isNamed ? Dimension(coefficient: 1, symbols: [symbol]) : .unknown
  }

  /// Whether nothing is known of the size.
  public var isUnknown: Bool { coefficient == .min }

  /// The size, where it is a number.
  public var size: Int? { symbols.isEmpty && coefficient >= 0 ? coefficient : nil }

  /// The number, where it is one, of either sign: for shapes as data.
  public var integer: Int? { symbols.isEmpty && !isUnknown ? coefficient : nil }

  /// The name, where the dimension is a single symbol.
  public var symbol: String? { coefficient == 1 && symbols.count == 1 ? symbols[0] : nil }

  /// The symbols it is made of.
  public var freeSymbols: [String] { symbols }

  /// True where both are known and the same for every value of their symbols.
  public func isSame(as other: Dimension) -> Bool { !isUnknown && self == other }

  /// The product; 0 where one of the two is 0, unknown where one is unknown.
  public static func * (a: Dimension, b: Dimension) -> Dimension {
    if a.size == 0 || b.size == 0 { return 0 }
    if a.isUnknown || b.isUnknown { return .unknown }
    let (product, overflow) = a.coefficient.multipliedReportingOverflow(by: b.coefficient)
    guard !overflow, a.symbols.count + b.symbols.count <= mostSymbols else { return .unknown }
    return Dimension(coefficient: product, symbols: (a.symbols + b.symbols).sorted())
  }

  /// The exact quotient, or `nil` where the division is not known to leave nothing over.
  public func divided(by divisor: Dimension) -> Dimension? {
    guard !isUnknown, !divisor.isUnknown, divisor.coefficient > 0,
      coefficient % divisor.coefficient == 0
    else { return nil }
    var rest = symbols
    for symbol in divisor.symbols {
      guard let index = rest.firstIndex(of: symbol) else { return nil }
      rest.remove(at: index)
    }
    return Dimension(coefficient: coefficient / divisor.coefficient, symbols: rest)
  }

  /// The sum, where both are numbers or multiples of the same symbols; unknown otherwise.
  public static func + (a: Dimension, b: Dimension) -> Dimension {
    if a.isUnknown || b.isUnknown { return .unknown }
    if a.size == 0 { return b }
    if b.size == 0 { return a }
    guard a.symbols == b.symbols else { return .unknown }
    let (sum, overflow) = a.coefficient.addingReportingOverflow(b.coefficient)
    return overflow ? .unknown : Dimension(coefficient: sum, symbols: a.symbols)
  }

  /// The dimension with sizes put in place of symbols.
  public func substituting(_ sizes: [String: Int]) -> Dimension {
    guard !symbols.isEmpty else { return self }
    return symbols.reduce(Dimension(signed: coefficient)) { product, symbol in
      product * (sizes[symbol].map { Dimension($0) } ?? Dimension(symbol: symbol))
    }
  }

  /// `7`, `N`, `4*N*S`, `?`.
  public var description: String {
    if isUnknown { return "?" }
    if symbols.isEmpty { return "\(coefficient)" }
    let factors = symbols.map { symbol in
      // A symbol made of digits would read as a number.
      let isWord = isPlainIdentifier(symbol) && !symbol.utf8.allSatisfy { (48...57).contains($0) }
      return isWord ? symbol : quoted(symbol)
    }
    return ((coefficient == 1 ? [] : ["\(coefficient)"]) + factors).joined(separator: "*")
  }
}

/// Whether a name can stand in the text form without quotes: letters, digits, `_`, `.`, `/`, `-`,
/// `:`; not empty, without a `//` (a comment), and neither starting with `-` or `:` nor ending with
/// `:` (which begins a type).
public func isPlainIdentifier(_ name: String) -> Bool {
  guard let first = name.utf8.first, first != UInt8(ascii: "-"), first != UInt8(ascii: ":") else {
    return false
  }
  var previous: UInt8 = 0
  for byte in name.utf8 {
    let isComment = byte == UInt8(ascii: "/") && previous == byte
    guard isIdentifierByte(byte), !isComment else { return false }
    previous = byte
  }
  return previous != UInt8(ascii: ":")
}

/// Whether a byte may be part of a plain identifier.
public func isIdentifierByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."),
    UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: ":"):
    true
  default: false
  }
}

/// The text in double quotes, with `"`, `\` and control characters escaped.
public func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\t": result += "\\t"
    case "\r": result += "\\r"
    case _ where scalar.value < 0x20: result += "\\u{\(String(scalar.value, radix: 16))}"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
