/// The codes a quantized tensor may take: all integers from `min` to `max`.
///
/// `narrow` drops the lowest code, so that a signed grid is symmetric (int8: -127…127).
public struct IntegerGrid: Sendable, Hashable, CustomStringConvertible {
  /// 2…8 or 16.
  public let bits: Int
  /// Whether there are codes below 0.
  public let isSigned: Bool
  /// Whether the lowest code is left out.
  public let isNarrow: Bool

  /// -128…127.
  public static let int8 = IntegerGrid(bits: 8, isSigned: true, isNarrow: false)
  /// 0…255.
  public static let uint8 = IntegerGrid(bits: 8, isSigned: false, isNarrow: false)

  private init(bits: Int, isSigned: Bool, isNarrow: Bool) {
    self.bits = bits
    self.isSigned = isSigned
    self.isNarrow = isNarrow
  }

  /// - Throws: `invalid-option` for a number of bits that is not 2…8 or 16.
  public init(bits: Int, signed: Bool, narrow: Bool = false) throws(Diagnostic) {
    guard (2...8).contains(bits) || bits == 16 else {
      throw Diagnostic(
        .invalidOption, "\(bits) bits are no integer grid", hint: "use 2 to 8, or 16")
    }
    self.init(bits: bits, isSigned: signed, isNarrow: narrow)
  }

  /// The lowest code.
  public var min: Int { (isSigned ? -(1 << (bits - 1)) : 0) + (isNarrow ? 1 : 0) }
  /// The highest code.
  public var max: Int { isSigned ? (1 << (bits - 1)) - 1 : (1 << bits) - 1 }

  /// The type whose elements hold the codes: int8 or uint8 up to 8 bits, else int16 or uint16.
  public var container: ElementType {
    bits <= 8 ? (isSigned ? .i8 : .u8) : (isSigned ? .i16 : .u16)
  }

  /// Whether every code of the container is a code of the grid.
  public var fillsContainer: Bool { !isNarrow && (bits == 8 || bits == 16) }

  /// `i8`, `u4`, `i8n` (narrow).
  public var description: String { "\(isSigned ? "i" : "u")\(bits)\(isNarrow ? "n" : "")" }

  /// Reads what `description` writes.
  public init?(_ text: String) {
    var digits = Substring(text)
    guard let sign = digits.popFirst(), sign == "i" || sign == "u" else { return nil }
    let narrow = digits.last == "n"
    if narrow { digits.removeLast() }
    guard let bits = Int(digits),
      let grid = try? IntegerGrid(bits: bits, signed: sign == "i", narrow: narrow)
    else { return nil }
    self = grid
  }
}

extension IntegerGrid {
  /// All codes of an element type, or `nil` where it is no type of codes (2, 4, 8 or 16 bits).
  public init?(codesOf element: ElementType) {
    guard element.isInteger, element.bitWidth <= 16,
      let grid = try? IntegerGrid(bits: element.bitWidth, signed: element.isSigned)
    else { return nil }
    self = grid
  }
}
