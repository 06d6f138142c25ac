import CProtobufC
import QATCore

extension MessageArena {
  /// Writes a message to a file: streamed by libprotobuf-c, and there whole or not at all.
  /// - Throws: `io`; `unsupported` for more than protobuf's 2 GiB, and for a text with a NUL.
  func write<M: CMessage>(
    _ message: UnsafeMutablePointer<M>, to path: String, what: String
  ) throws(Diagnostic) {
    if let mistake { throw mistake }
    // SAFETY: a message begins with its base.
    let base = unsafe UnsafeRawPointer(message).assumingMemoryBound(to: ProtobufCMessage.self)
    let count = unsafe protobuf_c_message_get_packed_size(base)
    guard count < 1 << 31 else {
      throw Diagnostic(
        .unsupported, "\(what) has \(count) bytes; a protobuf file holds 2 GiB", at: path)
    }
    try AtomicFile.write(to: path) { file throws(Diagnostic) in
      var stream = unsafe Stream(
        base: ProtobufCBuffer(append: { buffer, count, bytes in
          // SAFETY: the buffer is the beginning of a `Stream`; its file outlives the call.
          unsafe buffer.map { UnsafeMutableRawPointer($0) }?
            .assumingMemoryBound(to: Stream.self).pointee.file.takeUnretainedValue()
            .append(UnsafeRawBufferPointer(start: bytes, count: count))
        }), file: Unmanaged.passUnretained(file))
      unsafe withUnsafeMutablePointer(to: &stream) { stream in
        _ = unsafe protobuf_c_message_pack_to_buffer(
          base, UnsafeMutableRawPointer(stream).assumingMemoryBound(to: ProtobufCBuffer.self))
      }
    }
  }

  /// What libprotobuf-c writes to; it knows the beginning alone.
  @unsafe private struct Stream {
    var base: ProtobufCBuffer
    var file: Unmanaged<FileSink>
  }
}
