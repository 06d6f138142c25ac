import QATCore

// The contents of tensors: numbers in a list, bytes, or a reference to a blob.
extension GraphParser {
  /// `[1.0, 2.5]`, `hex"00ff"` or `blob("file", offset)`, for a type that was read at `start`.
  mutating func contents(_ type: TensorType, at start: Int) throws(Diagnostic) -> AnyTensor {
    guard let shape = type.shape?.sizes else {
      throw scanner.error(
        .shapeMismatch, "contents need sizes, not \(type)", at: start,
        hint: "write every dimension as a number")
    }
    // Empty dimensions count as 1, so that no partial product can overflow later.
    var product = 64
    for size in shape {
      let (next, overflow) = product.multipliedReportingOverflow(by: max(size, 1))
      guard !overflow else {
        throw scanner.error(.shapeMismatch, "\(type) is larger than any memory", at: start)
      }
      product = next
    }
    let place = scanner.position
    let storage = try storage(type.element, count: shape.reduce(1, *), type)
    guard storage.byteCount == type.element.byteCount(shape.reduce(1, *)) else {
      throw scanner.error(
        .shapeMismatch, "\(storage.byteCount) bytes for \(type)", at: place)
    }
    return AnyTensor(type.element, shape: shape, storage: storage)
  }

  private mutating func storage(
    _ element: ElementType, count: Int, _ type: TensorType
  ) throws(Diagnostic) -> TensorStorage {
    let start = scanner.position
    if scanner.accept("[") { return try elements(element, count: count, type) }
    switch scanner.identifier() {
    case "hex": return TensorStorage(bytes: try scanner.hexBytes())
    case "blob": return try blob(element.byteCount(count), at: start)
    case "dense":
      throw scanner.error(
        .syntax, "the contents are left out of this text: it was printed for reading", at: start,
        hint: "print with the contents in the text or in a side file")
    default:
      throw scanner.error(
        .syntax, "expected the contents of a tensor", at: start,
        hint: #"write [1.0, 2.5], hex"00ff" or blob("file", 0)"#)
    }
  }

  private mutating func blob(_ byteCount: Int, at start: Int) throws(Diagnostic) -> TensorStorage {
    try scanner.expect("(")
    let name = try scanner.quotedText()
    try scanner.expect(",")
    scanner.skipBlanks()
    let number = try scanner.number()
    guard let magnitude = number.magnitude else {
      throw scanner.error(.syntax, "an offset is an integer", at: number.start)
    }
    let offset = try integer(magnitude, number)
    try scanner.expect(")")
    let storage: TensorStorage
    do throws(Diagnostic) {
      storage = try blobs.storage(of: name, offset: offset, byteCount: byteCount)
    } catch { throw error.at(scanner.place(of: start)) }
    return storage
  }

  /// After the opening bracket.
  private mutating func elements(
    _ element: ElementType, count: Int, _ type: TensorType
  ) throws(Diagnostic) -> TensorStorage {
    let start = scanner.position
    var patterns = ElementPatterns(element)
    var index = 0
    try list(closing: "]") { parser throws(Diagnostic) in
      guard index < count, element != .string else {
        throw parser.scanner.error(.shapeMismatch, "more elements than \(type) has")
      }
      patterns.append(try parser.elementPattern(element), at: index)
      index += 1
    }
    guard index == count || element == .string else {
      throw scanner.error(.shapeMismatch, "\(index) elements for \(type)", at: start)
    }
    return TensorStorage(bytes: patterns.bytes)
  }

  /// The bits of the next element.
  private mutating func elementPattern(_ element: ElementType) throws(Diagnostic) -> UInt64 {
    let start = scanner.position
    if element.isFloatingPoint {
      if let infinity = acceptNegativeInfinity() {
        return try pattern(Double(infinity), element, at: start)
      }
      switch word() {
      case "inf": return try pattern(.infinity, element, at: start)
      case "nan": return try nan(element, at: start)
      case nil: break
      default: throw scanner.error(.syntax, "expected a number", at: start)
      }
      return try floatPattern(try scanner.number(), element)
    }
    if element == .bool {
      switch scanner.identifier() {
      case "true": return 1
      case "false": return 0
      default: throw scanner.error(.syntax, "expected true or false", at: start)
      }
    }
    let number = try scanner.number()
    guard let magnitude = number.magnitude,
      let pattern = ElementPatterns.pattern(magnitude, negative: number.isNegative, as: element)
    else {
      throw scanner.error(.invalidData, "this number is no \(element.name)", at: start)
    }
    return pattern
  }

  /// The nearest number of the type.
  private func floatPattern(
    _ number: TextScanner.Number, _ element: ElementType
  ) throws(Diagnostic) -> UInt64 {
    let text = number.magnitude.map { (number.isNegative ? "-" : "") + String($0) } ?? number.text
    if element == .f64 { return try finite(Double(text), number, "f64").bitPattern }
    let value = try finite(Float(text), number, element.name)
    guard let pattern = element.bits(ofNumber: value) else { return UInt64(value.bitPattern) }
    let nearest = try finite(element.number(ofBits: pattern), number, element.name)
    guard element != .f8e8m0 || nearest == value else {
      throw scanner.error(.invalidData, "this number is no power of two", at: number.start)
    }
    return UInt64(pattern)
  }

  func finite<Value: BinaryFloatingPoint>(
    _ value: Value?, _ number: TextScanner.Number, _ type: String
  ) throws(Diagnostic) -> Value {
    guard let value, value.isFinite else {
      throw scanner.error(.invalidData, "this number is too large for \(type)", at: number.start)
    }
    return value
  }

  /// The bits of an infinity.
  private func pattern(
    _ infinity: Double, _ element: ElementType, at start: Int
  ) throws(Diagnostic) -> UInt64 {
    if element == .f64 { return infinity.bitPattern }
    guard let pattern = element.bits(ofNumber: Float(infinity)) else {
      return UInt64(Float(infinity).bitPattern)
    }
    guard element.number(ofBits: pattern)?.isInfinite == true else {
      throw scanner.error(.invalidData, "\(element.name) has no infinity", at: start)
    }
    return UInt64(pattern)
  }

  /// After `nan`: its bits in parentheses, or the usual one.
  mutating func nan(_ element: ElementType, at start: Int) throws(Diagnostic) -> UInt64 {
    guard scanner.accept("(") else {
      if element == .f64 { return Double.nan.bitPattern }
      return element.bits(ofNumber: .nan).map { UInt64($0) } ?? UInt64(Float.nan.bitPattern)
    }
    let isHexadecimal = scanner.accept("0") && scanner.accept("x")
    guard isHexadecimal, let bits = scanner.hexadecimal(atMost: element.bitWidth / 4),
      scanner.accept(")")
    else {
      throw scanner.error(
        .syntax, "expected the bits of a NaN", at: start, hint: "for example nan(0x7fc00000)")
    }
    let isNaN =
      switch element {
      case .f64: Double(bitPattern: bits).isNaN
      case .f32: Float(bitPattern: UInt32(bits)).isNaN
      default: element.number(ofBits: Int(bits))?.isNaN ?? false
      }
    guard isNaN else {
      throw scanner.error(.invalidData, "these bits are no NaN of \(element.name)", at: start)
    }
    return bits
  }
}
