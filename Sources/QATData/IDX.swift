import QATCore

/// Files in the format of the MNIST data: big-endian sizes, then the elements.
///
/// The magic number is two zero bytes, the element type, the rank; see
/// http://yann.lecun.com/exdb/mnist.
public enum IDX {
  /// The tensor of a file, plain or gzip.
  public static func read(_ path: String) throws(Diagnostic) -> AnyTensor {
    do { return try decode(try readFile(path)) } catch { throw error.placed(at: path) }
  }

  /// The tensor of a file's bytes, plain or gzip.
  ///
  /// - Throws: `malformed-file` where the bytes are not exactly one IDX tensor.
  public static func decode(_ bytes: [UInt8]) throws(Diagnostic) -> AnyTensor {
    let bytes = Inflate.isGzip(bytes) ? try Inflate.gzip(bytes) : bytes
    guard bytes.count >= 4, bytes[0] == 0, bytes[1] == 0, let element = elements[bytes[2]] else {
      throw Diagnostic(
        .malformedFile, "not an IDX file: it does not start with 0 0 TYPE RANK",
        hint: "give the files as they were published, plain or gzip")
    }
    let start = 4 + 4 * Int(bytes[3])
    guard bytes.count >= start else {
      throw Diagnostic(.malformedFile, "the file ends inside its header", hint: "fetch it again")
    }
    let shape = stride(from: 4, to: start, by: 4).map { offset in
      bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
    }
    let byteCount = try checkedByteCount(element, shape)
    guard bytes.count - start == byteCount else {
      throw Diagnostic(
        .malformedFile,
        "\(bytes.count - start) bytes of data where \(element.name)\(shape) has \(byteCount)",
        hint: "the file is cut short or damaged: fetch it again")
    }
    let data = Array(bytes[start...])
    return AnyTensor(
      element, shape: shape, bytes: swappingBytes(data, width: element.bitWidth / 8))
  }

  private static let elements: [UInt8: ElementType] = [
    0x08: .u8, 0x09: .i8, 0x0b: .i16, 0x0c: .i32, 0x0d: .f32, 0x0e: .f64,
  ]
}

/// The bytes with each group of `width` of them reversed: from one byte order to the other.
func swappingBytes(_ bytes: [UInt8], width: Int) -> [UInt8] {
  guard width > 1 else { return bytes }
  return stride(from: 0, to: bytes.count, by: width).flatMap { bytes[$0..<$0 + width].reversed() }
}

extension Diagnostic {
  /// The same diagnostic inside a file, unless it names that file already.
  func placed(at path: String) -> Diagnostic {
    place?.hasPrefix(path) == true ? self : at(path)
  }
}
