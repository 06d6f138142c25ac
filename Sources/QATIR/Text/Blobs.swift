import QATCore

/// Where the text form puts the contents of tensors of more than `Printer.inlineLimit` elements.
public enum BlobMode {
  /// Into the text, all of it.
  case inline
  /// Into a side file that the text names.
  case sideFile(BlobWriter)
  /// Nowhere, but the text names the constant or variable: for a place that keeps them by name.
  case byName
  /// Nowhere: `dense<288 elements, -0.5...0.75>`. For reading only; parsing it is an error that says
  /// so.
  case elided
}

/// Collects the contents that a text form refers to; whoever prints writes them to a file.
///
/// Each tensor starts at a multiple of 64 bytes; one that several values share is stored once. Not
/// `Sendable`: a writer belongs to one printing.
public final class BlobWriter {
  /// The name that the text gives the file: relative to the text's folder.
  public let fileName: String
  /// What is stored, in order. Between two pieces there are zeros, up to the next one's offset.
  public private(set) var pieces: [(offset: Int, storage: TensorStorage)] = []
  /// The size of the file so far.
  public private(set) var byteCount = 0

  private var offsets: [ObjectIdentifier: Int] = [:]

  public init(fileName: String) { self.fileName = fileName }

  /// Adds contents and returns their offset in the file, in bytes.
  public func append(_ storage: TensorStorage) -> Int {
    // `pieces` keeps the storage alive, so its identity stays its own.
    if let offset = offsets[ObjectIdentifier(storage)] { return offset }
    let offset = (byteCount + 63) / 64 * 64
    pieces.append((offset, storage))
    offsets[ObjectIdentifier(storage)] = offset
    byteCount = offset + storage.byteCount
    return offset
  }

  /// The whole file in memory. O(n); a caller with much to write goes through `pieces`.
  public var bytes: [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(byteCount)
    for (offset, storage) in pieces {
      result.append(contentsOf: repeatElement(0, count: offset - result.count))
      result.append(contentsOf: storage.byteArray)
    }
    return result
  }
}

/// Gives the parser the contents that a text form refers to.
public protocol BlobSource: Sendable {
  /// The bytes from `offset` on of the file that the text calls `name`.
  /// - Throws: where there is no such file or it is too short; the parser adds the place.
  func storage(of name: String, offset: Int, byteCount: Int) throws(Diagnostic) -> TensorStorage
}

/// Side files held in memory.
public struct InMemoryBlobs: BlobSource {
  private let files: [String: [UInt8]]

  /// Files by their names.
  public init(_ files: [String: [UInt8]] = [:]) { self.files = files }

  /// What a writer has collected.
  public init(_ writer: BlobWriter) { files = [writer.fileName: writer.bytes] }

  public func storage(
    of name: String, offset: Int, byteCount: Int
  ) throws(Diagnostic) -> TensorStorage {
    guard let bytes = files[name] else {
      throw Diagnostic(
        .io, "there is no side file '\(name)'", hint: nameHint(name, among: Array(files.keys)))
    }
    guard offset >= 0, byteCount >= 0, offset <= bytes.count, byteCount <= bytes.count - offset
    else {
      throw Diagnostic(
        .malformedFile,
        "the side file '\(name)' has \(bytes.count) bytes, the text asks for \(byteCount) from \(offset) on"
      )
    }
    return TensorStorage(bytes: Array(bytes[offset..<offset + byteCount]))
  }
}

extension TensorStorage {
  /// A copy of the bytes.
  var byteArray: [UInt8] {
    // Seen as a tensor of bytes, they can be read without a pointer.
    AnyTensor(.u8, shape: [byteCount], storage: self).elements(as: UInt8.self) ?? []
  }
}
