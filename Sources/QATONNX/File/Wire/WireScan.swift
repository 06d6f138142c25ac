import QATCore

/// Checks the bytes of a message, which may lie, and copies them into a form that libprotobuf-c decodes
/// without harm.
///
/// Checked are every length against the message it stands in, wire types, depth, fields that stand
/// twice, UTF-8 and NUL in strings, and what the decoded form will take of memory. What is wrong is
/// said with the byte offset and the path of fields that led there. libprotobuf-c itself bounds
/// neither depth nor memory, merges repeated singular messages in quadratic time and cuts strings at
/// a NUL.
///
/// In the copy every `bytes` field, whatever it holds, is a token of 16 bytes: offset and length in the
/// source. So weights are never copied, and no file can forge a token. Lengths of messages are padded
/// to five bytes, so that they can be set behind.
@safe struct WireScan {
  /// The field behind all others of a message whose place is wanted: the largest number there is. A
  /// file's own fields of that number stand before it.
  static let placeNumber = 536_870_911

  private let schema = Schema.all
  private let source: MessageSource
  // SAFETY: valid while `source.storage` is, which `source` keeps alive.
  private let bytes: UnsafeRawBufferPointer
  /// Whether `bytes` fields are copied as they are instead.
  private let keepsBytes: Bool
  private var path: FieldPath
  private var position = 0
  private(set) var copy: [UInt8] = []

  /// - Precondition: `bytes` are those of the source.
  init(
    _ source: MessageSource, _ bytes: UnsafeRawBufferPointer, path: FieldPath, keepsBytes: Bool
  ) {
    self.source = source
    unsafe self.bytes = unsafe bytes
    self.path = path
    self.keepsBytes = keepsBytes
  }

  /// Appends a message of that kind to the copy.
  mutating func message(_ kind: Int, _ range: Range<Int>, depth: Int) throws(Diagnostic) {
    let message = schema.messages[kind]
    guard depth <= 100 else {
      throw malformed("messages nested more than 100 deep", at: range.lowerBound)
    }
    // The struct, the pointer to it, and what keeps the two.
    try spend(message.size + 32, at: range.lowerBound)
    var seen: UInt64 = 0
    var counts: [Int] = []
    let outer = path
    position = range.lowerBound
    while position < range.upperBound {
      let offset = position
      let key = try varint(before: range.upperBound)
      guard let number = Int(exactly: key >> 3), number > 0, number <= Self.placeNumber else {
        throw malformed("field number \(key >> 3)", at: offset)
      }
      let payload = try payload(key & 7, before: range.upperBound, at: offset)
      guard let field = message[number] else {
        try spend(payload.count + 48, at: offset)
        append(number, key & 7, payload)
        continue
      }
      var index: Int?
      if field.isRepeated {
        if case .message = field.contents {
          if counts.isEmpty { counts = Array(repeating: 0, count: message.fields.count) }
          index = counts[number]
          counts[number] += 1
        }
      } else {
        guard seen >> UInt64(field.slot) & 1 == 0 else {
          throw malformed("'\(field.name)' stands twice, or beside what excludes it", at: offset)
        }
        seen |= 1 << UInt64(field.slot)
      }
      if case .message(let inner) = field.contents {
        guard key & 7 == 2 else { throw wrongType(field, at: offset) }
        path = outer.appending(field.name, index)
        appendTag(number, 2)
        let start = copy.count
        for _ in 0..<5 { copy.append(0) }
        try self.message(inner, payload, depth: depth + 1)
        setLength(at: start)
        position = payload.upperBound
        path = outer
      } else {
        try value(number, field, key & 7, payload, at: offset)
      }
    }
    if message.hasPlace && !keepsBytes {
      try spend(64, at: range.lowerBound)
      appendToken(Self.placeNumber, range)
    }
  }

  // MARK: - Fields

  /// Where the contents of a field stand; behind them the scan goes on.
  private mutating func payload(
    _ wireType: UInt64, before end: Int, at offset: Int
  ) throws(Diagnostic) -> Range<Int> {
    var start = position
    switch wireType {
    case 0: _ = try varint(before: end)
    case 1, 5:
      position += wireType == 1 ? 8 : 4
      guard position <= end else { throw malformed("the file ends inside a number", at: start) }
    case 2:
      let length = try varint(before: end)
      guard length <= UInt64(end - position) else {
        throw malformed("a length of \(length) with \(end - position) bytes left", at: offset)
      }
      start = position
      position += Int(length)
    default: throw malformed("wire type \(wireType)", at: offset)
    }
    return start..<position
  }

  /// Checks and copies a field that is no message.
  private mutating func value(
    _ number: Int, _ field: Schema.Field, _ wireType: UInt64, _ payload: Range<Int>, at offset: Int
  ) throws(Diagnostic) {
    switch (field.contents, wireType) {
    case (.text, 2):
      try checkText(payload, field, at: offset)
      try spend(payload.count + 32, at: offset)
    case (.bytes, 2) where !keepsBytes:
      try spend(64, at: offset)
      appendToken(number, payload)
      return
    case (.bytes, 2): try spend(payload.count + 48, at: offset)
    case (.varint, 0), (.fixed64, 1), (.fixed32, 5): try spend(8, at: offset)
    case (.varint, 2) where field.isRepeated:
      let count = try varintCount(payload)
      try spend(8 * count, at: offset)
    case (.fixed64, 2) where field.isRepeated && payload.count % 8 == 0,
      (.fixed32, 2) where field.isRepeated && payload.count % 4 == 0:
      try spend(payload.count, at: offset)
    case (.fixed64, 2) where field.isRepeated, (.fixed32, 2) where field.isRepeated:
      throw malformed("'\(field.name)' is cut off", at: offset)
    default: throw wrongType(field, at: offset)
    }
    append(number, wireType, payload)
  }

  /// How many numbers a packed run has.
  private mutating func varintCount(_ range: Range<Int>) throws(Diagnostic) -> Int {
    let end = position
    defer { position = end }
    position = range.lowerBound
    var count = 0
    while position < range.upperBound {
      _ = try varint(before: range.upperBound)
      count += 1
    }
    return count
  }

  /// A string: UTF-8 without NUL.
  private func checkText(
    _ range: Range<Int>, _ field: Schema.Field, at offset: Int
  ) throws(Diagnostic) {
    var isPlain = true
    for index in range {
      let byte = byte(index)
      guard byte != 0 else { throw malformed("'\(field.name)' holds a NUL", at: offset) }
      if byte >= 0x80 { isPlain = false }
    }
    // SAFETY: ranges lie inside the bytes.
    guard unsafe isPlain || String(validating: bytes[range], as: UTF8.self) != nil else {
      throw malformed("'\(field.name)' is no UTF-8", at: offset)
    }
  }

  private func spend(_ memory: Int, at offset: Int) throws(Diagnostic) {
    source.allowance -= memory
    guard source.allowance >= 0 else {
      throw malformed("more messages than the file has room for", at: offset)
    }
  }

  private mutating func varint(before end: Int) throws(Diagnostic) -> UInt64 {
    var result: UInt64 = 0
    for shift in stride(from: 0, to: 70, by: 7) {
      guard position < end else { throw malformed("the file ends inside a number", at: position) }
      let byte = byte(position)
      position += 1
      result |= UInt64(byte & 0x7f) << UInt64(min(shift, 63))
      if byte < 0x80 { return result }
    }
    throw malformed("a number of more than ten bytes", at: position)
  }

  private func byte(_ index: Int) -> UInt8 {
    // SAFETY: callers stay inside their message, which lies inside the bytes; and it is checked.
    unsafe bytes[index]
  }

  // MARK: - The copy

  private mutating func append(_ number: Int, _ wireType: UInt64, _ payload: Range<Int>) {
    appendTag(number, wireType)
    if wireType == 2 { appendVarint(UInt64(payload.count)) }
    // SAFETY: ranges lie inside the bytes.
    unsafe copy.append(contentsOf: bytes[payload])
  }

  private mutating func appendToken(_ number: Int, _ range: Range<Int>) {
    appendTag(number, 2)
    copy.append(16)
    for word in [range.lowerBound, range.count] {
      for shift in 0..<8 { copy.append(UInt8(truncatingIfNeeded: word >> (8 * shift))) }
    }
  }

  private mutating func appendTag(_ number: Int, _ wireType: UInt64) {
    appendVarint(UInt64(number) << 3 | wireType)
  }

  private mutating func appendVarint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      copy.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    copy.append(UInt8(rest))
  }

  /// Puts the length of what follows into five bytes, as a padded number.
  private mutating func setLength(at start: Int) {
    let length = copy.count - start - 5
    for index in 0..<5 {
      copy[start + index] = UInt8(truncatingIfNeeded: length >> (7 * index)) & 0x7f
      if index < 4 { copy[start + index] |= 0x80 }
    }
  }

  // MARK: - Mistakes

  private func malformed(_ message: String, at offset: Int) -> Diagnostic {
    .malformed(message, at: offset, path)
  }

  private func wrongType(_ field: Schema.Field, at offset: Int) -> Diagnostic {
    malformed("'\(field.name)' has the wrong wire type", at: offset)
  }
}
