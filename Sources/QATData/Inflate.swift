import CZlib
import QATCore

/// Decompression by the system's zlib: the one file of this target that lends pointers to C.
///
/// Output is bounded twice: by the caller's limit, and by deflate itself, which expands no input more
/// than 1032 times.
public enum Inflate {
  /// The most that `byteCount` bytes of deflate can stand for.
  public static func largestOutput(of byteCount: Int) -> Int {
    let (product, overflow) = byteCount.multipliedReportingOverflow(by: 1032)
    return overflow ? .max : product
  }

  /// Whether the bytes start as a gzip file does.
  public static func isGzip(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1f, 0x8b]) }

  /// The content of a gzip file: all members, one after the other (RFC 1952); checksums are checked.
  ///
  /// - Throws: `malformed-file` for bytes that are not gzip, are cut short, or give more than `limit`.
  public static func gzip(_ bytes: [UInt8], limit: Int = 1 << 33) throws(Diagnostic) -> [UInt8] {
    try inflated(bytes[...], windowBits: 15 + 16, manyMembers: true, limit: limit)
  }

  /// The content of a raw deflate stream (RFC 1951), as in a zip entry.
  ///
  /// - Throws: `malformed-file` for anything but a whole stream of exactly `count` bytes of output.
  public static func raw(_ bytes: ArraySlice<UInt8>, count: Int) throws(Diagnostic) -> [UInt8] {
    let output = try inflated(bytes, windowBits: -15, manyMembers: false, limit: count)
    guard output.count == count else {
      throw Diagnostic(.malformedFile, "\(output.count) bytes of data where \(count) are announced")
    }
    return output
  }
}

/// The CRC-32 of zip and gzip.
func crc32(of bytes: ArraySlice<UInt8>) -> UInt32 {
  unsafe bytes.withUnsafeBufferPointer { source in
    // SAFETY: zlib reads `source.count` bytes and keeps no pointer.
    UInt32(truncatingIfNeeded: unsafe crc32_z(0, source.baseAddress, source.count))
  }
}

private func inflated(
  _ input: ArraySlice<UInt8>, windowBits: Int32, manyMembers: Bool, limit: Int
) throws(Diagnostic) -> [UInt8] {
  var output: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  var start = input.startIndex
  var stream = unsafe z_stream()
  let size = unsafe Int32(MemoryLayout<z_stream>.size)
  guard unsafe inflateInit2_(&stream, windowBits, ZLIB_VERSION, size) == Z_OK else {
    throw Diagnostic(.io, "zlib does not start", hint: "install the zlib this was built with")
  }
  defer { unsafe inflateEnd(&stream) }
  while true {
    let piece = input[start..<min(input.endIndex, start + 1 << 24)]
    let (status, consumed, produced) = unsafe step(&stream, from: piece, into: &chunk)
    start += consumed
    guard produced <= limit - output.count else {
      throw Diagnostic(
        .malformedFile, "the compressed data holds more than the \(limit) bytes expected")
    }
    output.append(contentsOf: chunk[..<produced])
    switch status {
    case Z_STREAM_END:
      if !manyMembers || start == input.endIndex { return output }
      // What follows a member is another one, or the zeros that pad a block device.
      if input[start...].allSatisfy({ $0 == 0 }) { return output }
      unsafe inflateReset(&stream)
    case Z_OK where consumed + produced > 0: continue
    case Z_OK, Z_BUF_ERROR:
      throw Diagnostic(
        .malformedFile, "the compressed data ends too early",
        hint: "the file is cut short: fetch it again")
    default:
      throw Diagnostic(
        .malformedFile, "the compressed data is damaged at byte \(start - input.startIndex)",
        hint: "fetch the file again")
    }
  }
}

/// One call of zlib: what it says, how much of `input` it took, how much of `output` it filled.
private func step(
  _ stream: inout z_stream, from input: ArraySlice<UInt8>, into output: inout [UInt8]
) -> (status: Int32, consumed: Int, produced: Int) {
  unsafe input.withUnsafeBufferPointer { source in
    unsafe output.withUnsafeMutableBufferPointer { target in
      // SAFETY: both pointers are valid for the counts beside them during this call, the only one
      // that uses them: they are taken back before the buffers end.
      unsafe stream.next_in = source.baseAddress
      unsafe stream.avail_in = UInt32(source.count)
      unsafe stream.next_out = target.baseAddress
      unsafe stream.avail_out = UInt32(target.count)
      let status = unsafe inflate(&stream, Z_NO_FLUSH)
      unsafe stream.next_in = nil
      unsafe stream.next_out = nil
      return unsafe (
        status, source.count - Int(stream.avail_in), target.count - Int(stream.avail_out)
      )
    }
  }
}
