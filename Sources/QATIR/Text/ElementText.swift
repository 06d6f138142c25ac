import QATCore

// How single elements look in the text form, whatever their type: the shortest decimal text that
// reads back as the same bits.

/// The text of a float: always with a point, an exponent or a name, so that it is no integer.
func floatText(_ value: Float) -> String {
  value.isNaN ? nanText(UInt64(value.bitPattern), bits: 32) : value.description
}

/// A NaN with its bits in hexadecimal: `nan(0x7fc00000)`.
func nanText(_ pattern: UInt64, bits: Int) -> String {
  let digits = String(pattern, radix: 16)
  return "nan(0x" + String(repeating: "0", count: max(bits / 4 - digits.count, 0)) + digits + ")"
}

/// Bytes as lower-case hexadecimal digits.
func hexText(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  var result: [UInt8] = []
  result.reserveCapacity(2 * bytes.count)
  for byte in bytes {
    result.append(digits[Int(byte >> 4)])
    result.append(digits[Int(byte & 15)])
  }
  return String(decoding: result, as: UTF8.self)
}

/// Reads and writes the elements of a tensor as bit patterns.
struct ElementPatterns {
  let element: ElementType
  private(set) var bytes: [UInt8]

  init(_ tensor: AnyTensor) {
    element = tensor.element
    bytes = tensor.storage.byteArray
  }

  init(_ element: ElementType) {
    self.element = element
    bytes = []
  }

  /// The bits of an element: packed without gaps (types below 8 bits) or little-endian.
  func pattern(_ index: Int) -> UInt64 {
    let bits = element.bitWidth, first = index * bits / 8, last = (index * bits + bits - 1) / 8
    var result: UInt64 = 0
    for byte in (first...last).reversed() { result = result << 8 | UInt64(bytes[byte]) }
    return bits < 8 ? result >> (index * bits % 8) & (1 << bits - 1) : result
  }

  /// Adds the element of that index, which is the next one.
  mutating func append(_ pattern: UInt64, at index: Int) {
    let bits = element.bitWidth
    if bits < 8 {
      let shift = index * bits % 8
      if shift == 0 { bytes.append(0) }
      bytes[bytes.count - 1] |= UInt8(truncatingIfNeeded: pattern << shift)
      if shift + bits > 8 { bytes.append(UInt8(truncatingIfNeeded: pattern >> (8 - shift))) }
    } else {
      for byte in 0..<bits / 8 { bytes.append(UInt8(truncatingIfNeeded: pattern >> (8 * byte))) }
    }
  }

  /// The text of an element; `nil` for a byte that is no boolean.
  func text(_ index: Int) -> String? {
    let pattern = pattern(index)
    let bits = element.bitWidth
    switch element {
    case .bool: return pattern == 0 ? "false" : pattern == 1 ? "true" : nil
    case .f32: return floatText(Float(bitPattern: UInt32(pattern)))
    case .f64:
      let value = Double(bitPattern: pattern)
      return value.isNaN ? nanText(pattern, bits: 64) : value.description
    case .string: return nil
    default:
      if let value = element.number(ofBits: Int(truncatingIfNeeded: pattern)) {
        return value.isNaN ? nanText(pattern, bits: bits) : value.description
      }
      guard element.isSigned else { return String(pattern) }
      return String(Int64(bitPattern: pattern << (64 - bits)) >> (64 - bits))
    }
  }

  /// The bits of an integer or boolean of that size; `nil` out of range. `negative` is the sign.
  static func pattern(_ magnitude: UInt64, negative: Bool, as element: ElementType) -> UInt64? {
    let bits = element.bitWidth
    if element.isSigned {
      let limit = UInt64(1) << (bits - 1)
      guard magnitude < limit || (negative && magnitude == limit) else { return nil }
      let value = negative ? 0 &- magnitude : magnitude
      return bits == 64 ? value : value & (1 << bits - 1)
    }
    guard !negative || magnitude == 0, bits == 64 || magnitude < 1 << bits else { return nil }
    return magnitude
  }
}

extension ElementType {
  /// The number that the bits of a float type of at most 16 bits stand for; `nil` for other types.
  func number(ofBits bits: Int) -> Float? {
    self == .f8e8m0 ? PowerOfTwo.decode(bits) : NarrowFloat(self)?.decode(bits)
  }

  /// The bits of the nearest number of a float type of at most 16 bits; `nil` for other types.
  func bits(ofNumber number: Float) -> Int? {
    self == .f8e8m0
      ? PowerOfTwo.encode(number, .nearest, saturate: false) : NarrowFloat(self)?.encode(number)
  }
}
