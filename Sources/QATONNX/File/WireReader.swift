import QATCore

/// Reads the fields of one protobuf message from bytes that may lie.
///
/// Every length is checked against the message it stands in, depth and the number of messages are
/// bounded, and what is wrong is said with the byte offset and the path of fields that led there.
struct WireReader {
  /// One field: its number and what it holds.
  struct Field {
    let number: Int
    let payload: Payload
    let offset: Int

    /// Whether it is a run of nothing.
    var isEmpty: Bool { if case .bytes(let range) = payload { range.isEmpty } else { false } }
  }

  enum Payload {
    case varint(UInt64)
    case fixed64(UInt64)
    case fixed32(UInt32)
    case bytes(Range<Int>)
  }

  /// Shared by all readers of one file.
  final class Source {
    let storage: TensorStorage
    /// How many more messages may be read: a message takes at least two bytes of the file.
    var budget: Int

    init(_ storage: TensorStorage) {
      self.storage = storage
      budget = storage.byteCount / 2 + 16
    }
  }

  let source: Source
  let range: Range<Int>
  /// `graph.node[3].attribute[0]`.
  let path: String
  private let depth: Int
  private var position: Int
  private var seen: FieldSet = []

  init(_ source: Source) {
    self.source = source
    range = 0..<source.storage.byteCount
    path = ""
    depth = 0
    position = 0
  }

  private init(_ source: Source, _ range: Range<Int>, path: String, depth: Int) {
    self.source = source
    self.range = range
    self.path = path
    self.depth = depth
    position = range.lowerBound
  }

  /// A message that is a field of this one.
  func message(_ field: Field, _ name: String) throws(Diagnostic) -> WireReader {
    let inner = path.isEmpty ? name : "\(path).\(name)"
    guard case .bytes(let range) = field.payload else { throw wrongType(field, name) }
    guard depth < 100 else {
      throw malformed("messages nested more than 100 deep", at: field.offset)
    }
    source.budget -= 1
    guard source.budget > 0 else {
      throw malformed("more messages than the file has room for", at: field.offset)
    }
    return WireReader(source, range, path: inner, depth: depth + 1)
  }

  /// Field numbers below 64.
  struct FieldSet: ExpressibleByArrayLiteral {
    private var bits: UInt64 = 0

    init(arrayLiteral numbers: Int...) { for number in numbers { insert(number) } }

    func contains(_ number: Int) -> Bool { number < 64 && bits >> UInt64(number) & 1 == 1 }
    mutating func insert(_ number: Int) { bits |= 1 << UInt64(number) }
  }

  /// The next field, or `nil` at the end of the message. Those of `singular` may stand once: readers
  /// differ on which of two counts, so a file that has two means different things to them.
  mutating func next(once singular: FieldSet) throws(Diagnostic) -> Field? {
    guard let field = try next() else { return nil }
    guard singular.contains(field.number) else { return field }
    guard !seen.contains(field.number) else {
      throw malformed("field \(field.number) stands twice", at: field.offset)
    }
    seen.insert(field.number)
    return field
  }

  private mutating func next() throws(Diagnostic) -> Field? {
    guard position < range.upperBound else { return nil }
    let offset = position
    let key = try varint()
    guard let number = Int(exactly: key >> 3), number > 0, number < 1 << 29 else {
      throw malformed("field number \(key >> 3)", at: offset)
    }
    switch key & 7 {
    case 0: return Field(number: number, payload: .varint(try varint()), offset: offset)
    case 1: return Field(number: number, payload: .fixed64(try fixed(8)), offset: offset)
    case 5:
      return Field(
        number: number, payload: .fixed32(UInt32(truncatingIfNeeded: try fixed(4))), offset: offset)
    case 2:
      let length = try varint()
      guard length <= UInt64(range.upperBound - position) else {
        throw malformed(
          "a length of \(length) with \(range.upperBound - position) bytes left", at: offset)
      }
      let start = position
      position += Int(length)
      return Field(number: number, payload: .bytes(start..<position), offset: offset)
    default: throw malformed("wire type \(key & 7)", at: offset)
    }
  }

  // MARK: - Contents

  func integer(_ field: Field, _ name: String) throws(Diagnostic) -> Int {
    guard case .varint(let bits) = field.payload else { throw wrongType(field, name) }
    return Int(truncatingIfNeeded: Int64(bitPattern: bits))
  }

  func float(_ field: Field, _ name: String) throws(Diagnostic) -> Float {
    guard case .fixed32(let bits) = field.payload else { throw wrongType(field, name) }
    return Float(bitPattern: bits)
  }

  func range(_ field: Field, _ name: String) throws(Diagnostic) -> Range<Int> {
    guard case .bytes(let range) = field.payload else { throw wrongType(field, name) }
    return range
  }

  func bytes(_ field: Field, _ name: String) throws(Diagnostic) -> [UInt8] {
    copy(try range(field, name))
  }

  func copy(_ range: Range<Int>) -> [UInt8] {
    // SAFETY: ranges come from `next`, which keeps them inside the storage.
    unsafe source.storage.withBytes { bytes in unsafe Array(bytes[range]) }
  }

  /// A string: UTF-8 without NUL.
  func text(_ field: Field, _ name: String) throws(Diagnostic) -> String {
    let bytes = try bytes(field, name)
    guard !bytes.contains(0) else { throw malformed("'\(name)' holds a NUL", at: field.offset) }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw malformed("'\(name)' is no UTF-8", at: field.offset)
    }
    return text
  }

  /// Integers of a repeated field: one, or a packed run.
  func appendIntegers(_ field: Field, _ name: String, to list: inout [Int]) throws(Diagnostic) {
    switch field.payload {
    case .varint(let bits): list.append(Int(truncatingIfNeeded: Int64(bitPattern: bits)))
    case .bytes(let range):
      var inner = WireReader(source, range, path: path, depth: depth)
      while inner.position < range.upperBound {
        list.append(Int(truncatingIfNeeded: Int64(bitPattern: try inner.varint())))
      }
    default: throw wrongType(field, name)
    }
  }

  /// Fixed-width numbers of a repeated field as their bytes: one, or a packed run.
  func appendFixed(_ field: Field, _ name: String, width: Int, to bytes: inout [UInt8])
    throws(Diagnostic)
  {
    switch field.payload {
    case .fixed32(let bits) where width == 4:
      for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: bits >> (8 * shift))) }
    case .fixed64(let bits) where width == 8:
      for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: bits >> (8 * shift))) }
    case .bytes(let range):
      guard range.count % width == 0 else {
        throw malformed("'\(name)' is cut off", at: field.offset)
      }
      bytes += copy(range)
    default: throw wrongType(field, name)
    }
  }

  func malformed(_ message: String, at offset: Int) -> Diagnostic {
    Diagnostic(
      .malformedFile, message, at: "byte \(offset)\(path.isEmpty ? "" : " (\(path))")",
      hint: "the file is damaged, or no ONNX model")
  }

  private func wrongType(_ field: Field, _ name: String) -> Diagnostic {
    malformed("'\(name)' has the wrong wire type", at: field.offset)
  }

  private mutating func varint() throws(Diagnostic) -> UInt64 {
    var result: UInt64 = 0
    for shift in stride(from: 0, to: 70, by: 7) {
      guard position < range.upperBound else {
        throw malformed("the file ends inside a number", at: position)
      }
      let byte = byte(at: position)
      position += 1
      result |= UInt64(byte & 0x7f) << UInt64(min(shift, 63))
      if byte < 0x80 { return result }
    }
    throw malformed("a number of more than ten bytes", at: position)
  }

  private mutating func fixed(_ width: Int) throws(Diagnostic) -> UInt64 {
    guard position + width <= range.upperBound else {
      throw malformed("the file ends inside a number", at: position)
    }
    defer { position += width }
    return (0..<width).reduce(0) { $0 | UInt64(byte(at: position + $1)) << UInt64(8 * $1) }
  }

  private func byte(at index: Int) -> UInt8 {
    // SAFETY: callers stay inside `range`, which lies inside the storage.
    unsafe source.storage.withBytes { bytes in unsafe bytes[index] }
  }
}
