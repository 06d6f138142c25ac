import QATCore

/// A protobuf message that is being built: small pieces as bytes, tensors as what they are, so that
/// writing a model copies no weights.
struct WireMessage {
  enum Piece {
    case bytes([UInt8])
    case storage(TensorStorage)
  }

  private(set) var pieces: [Piece] = []
  private(set) var byteCount = 0

  mutating func integer(_ number: Int, _ value: Int) {
    append(varint(UInt64(number) << 3) + varint(UInt64(bitPattern: Int64(value))))
  }

  mutating func float(_ number: Int, _ value: Float) {
    append(varint(UInt64(number) << 3 | 5) + littleEndian(value))
  }

  mutating func text(_ number: Int, _ text: String) { bytes(number, Array(text.utf8)) }

  /// Left out where empty.
  mutating func optionalText(_ number: Int, _ text: String) {
    if !text.isEmpty { self.text(number, text) }
  }

  mutating func bytes(_ number: Int, _ bytes: [UInt8]) {
    append(varint(UInt64(number) << 3 | 2) + varint(UInt64(bytes.count)) + bytes)
  }

  mutating func packed(_ number: Int, _ integers: [Int]) {
    bytes(number, integers.flatMap { varint(UInt64(bitPattern: Int64($0))) })
  }

  mutating func packed(_ number: Int, _ floats: [Float]) {
    bytes(number, floats.flatMap(littleEndian))
  }

  mutating func storage(_ number: Int, _ storage: TensorStorage) {
    append(varint(UInt64(number) << 3 | 2) + varint(UInt64(storage.byteCount)))
    pieces.append(.storage(storage))
    byteCount += storage.byteCount
  }

  mutating func message(_ number: Int, _ message: WireMessage) {
    append(varint(UInt64(number) << 3 | 2) + varint(UInt64(message.byteCount)))
    for piece in message.pieces {
      if case .bytes(let bytes) = piece {
        append(bytes, counted: false)
      } else {
        pieces.append(piece)
      }
    }
    byteCount += message.byteCount
  }

  /// Bytes that are fields already.
  mutating func verbatim(_ bytes: [UInt8]) { append(bytes) }

  /// Contents that are fields already.
  mutating func verbatim(_ storage: TensorStorage) {
    pieces.append(.storage(storage))
    byteCount += storage.byteCount
  }

  private mutating func append(_ bytes: [UInt8], counted: Bool = true) {
    if counted { byteCount += bytes.count }
    if case .bytes(var last)? = pieces.last {
      pieces.removeLast()
      last += bytes
      pieces.append(.bytes(last))
    } else {
      pieces.append(.bytes(bytes))
    }
  }

  private func varint(_ value: UInt64) -> [UInt8] {
    var rest = value, bytes: [UInt8] = []
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  private func littleEndian(_ value: Float) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) }
  }
}
