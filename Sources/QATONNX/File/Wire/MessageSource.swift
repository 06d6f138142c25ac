import CProtobufC
import QATCore

/// The bytes of one file that is being read, and the memory that its decoded messages may still take.
final class MessageSource {
  let storage: TensorStorage
  /// A model that makes sense takes less than this many times its bytes; one of empty messages would
  /// take a hundred times.
  var allowance: Int

  init(_ storage: TensorStorage) {
    self.storage = storage
    allowance = 32 * storage.byteCount + 4 << 20
  }

  /// Lends a message of the file to `read`: scanned, then decoded by libprotobuf-c. Its `bytes` fields
  /// hold tokens, which `range(of:)` reads.
  /// - Throws: `malformed-file` with byte offset and field path.
  func decode<M: CMessage, Result>(
    _: M.Type, _ range: Range<Int>, at path: FieldPath, depth: Int = 0,
    _ read: (UnsafeMutablePointer<M>) throws(Diagnostic) -> Result
  ) throws(Diagnostic) -> Result {
    let bytes = try scanned(M.self, range, path, depth, keepsBytes: false)
    let arena = MessageArena()
    // SAFETY: `bytes` are what the scan has made of the file; the arena outlives the message.
    defer { extendLifetime(arena) }
    guard let message = unsafe arena.unpacked(M.self, bytes) else {
      throw .malformed("libprotobuf-c can't decode the message", at: range.lowerBound, path)
    }
    return unsafe try read(message)
  }

  /// The whole file as one message.
  func decode<M: CMessage, Result>(
    _: M.Type, _ read: (UnsafeMutablePointer<M>) throws(Diagnostic) -> Result
  ) throws(Diagnostic) -> Result {
    unsafe try decode(M.self, 0..<storage.byteCount, at: .root, read)
  }

  /// What the scan makes of a message.
  func scanned<M: CMessage>(
    _: M.Type, _ range: Range<Int>, _ path: FieldPath, _ depth: Int, keepsBytes: Bool
  ) throws(Diagnostic) -> [UInt8] {
    unsafe try storage.withBytes { bytes throws(Diagnostic) in
      var scan = unsafe WireScan(self, bytes, path: path, keepsBytes: keepsBytes)
      try scan.message(Schema.all.index(of: M.self), range, depth: depth)
      return scan.copy
    }
  }

  // MARK: - Tokens

  /// Where the contents of a `bytes` field stand in the file.
  func range(of token: ProtobufCBinaryData) -> Range<Int> {
    guard let data = unsafe token.data else { preconditionFailure("a token has bytes") }
    return unsafe range(UnsafeRawPointer(data))
  }

  /// Where a message stands in the file: its last field says so.
  func place<M: CMessage>(of message: UnsafeMutablePointer<M>) -> Range<Int> {
    let base = unsafe message.pointee.base
    // SAFETY: the scan ends such messages with a token, which libprotobuf-c keeps as the last of the
    // fields it does not know, with one byte of length in front.
    return unsafe range(
      UnsafeRawPointer(base.unknown_fields[Int(base.n_unknown_fields) - 1].data) + 1)
  }

  private func range(_ token: UnsafeRawPointer) -> Range<Int> {
    let start = unsafe Int(littleEndian: token.loadUnaligned(as: Int.self))
    let count = unsafe Int(littleEndian: token.loadUnaligned(fromByteOffset: 8, as: Int.self))
    return start..<start + count
  }

  /// A copy of bytes of the file.
  func bytes(_ range: Range<Int>) -> [UInt8] {
    // SAFETY: ranges come from the scan, which keeps them inside the storage.
    unsafe storage.withBytes { bytes in unsafe Array(bytes[range]) }
  }
}

/// The fields that lead to a message: `graph.node[3].attribute[0]`.
indirect enum FieldPath {
  case root
  case field(FieldPath, String, Int?)

  func appending(_ name: String, _ index: Int? = nil) -> FieldPath { .field(self, name, index) }

  var text: String {
    switch self {
    case .root: ""
    case .field(.root, let name, let index): Self.text(name, index)
    case .field(let outer, let name, let index): "\(outer.text).\(Self.text(name, index))"
    }
  }

  private static func text(_ name: String, _ index: Int?) -> String {
    index.map { "\(name)[\($0)]" } ?? name
  }
}

extension Diagnostic {
  /// What is wrong with a file, where.
  static func malformed(_ message: String, at offset: Int, _ path: FieldPath) -> Diagnostic {
    let path = path.text
    return Diagnostic(
      .malformedFile, message, at: "byte \(offset)\(path.isEmpty ? "" : " (\(path))")",
      hint: "the file is damaged, or no ONNX model")
  }
}
