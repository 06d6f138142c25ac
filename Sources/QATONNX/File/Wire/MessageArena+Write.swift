import CProtobufC
import QATCore

extension MessageArena {
  /// Whether protobuf's 2 GiB hold the message.
  func fits<M: CMessage>(_ message: UnsafeMutablePointer<M>) -> Bool {
    unsafe byteCount(of: message) < 1 << 31
  }

  /// Writes a message to a file, together with another file where one goes with it: streamed by
  /// libprotobuf-c, and there whole or not at all.
  /// - Throws: `io`; `unsupported` for more than protobuf's 2 GiB, and for a text with a NUL.
  func write<M: CMessage>(
    _ message: UnsafeMutablePointer<M>, to path: String, what: String = "the model",
    behind other: (path: String, body: (FileSink) -> Void)? = nil
  ) throws(Diagnostic) {
    if let mistake { throw mistake }
    guard unsafe fits(message) else {
      throw unsafe Diagnostic(
        .unsupported, "\(what) has \(byteCount(of: message)) bytes; a protobuf file holds 2 GiB",
        at: path)
    }
    var files: [AtomicFile.Part] = []
    if let other { files.append(AtomicFile.Part(path: other.path, body: other.body)) }
    files.append(AtomicFile.Part(path: path) { file in unsafe self.stream(message, to: file) })
    try AtomicFile.write(files)
  }

  private func byteCount<M: CMessage>(of message: UnsafeMutablePointer<M>) -> Int {
    unsafe protobuf_c_message_get_packed_size(base(of: message))
  }

  private func base<M: CMessage>(
    of message: UnsafeMutablePointer<M>
  ) -> UnsafePointer<ProtobufCMessage> {
    // SAFETY: a message begins with its base.
    unsafe UnsafeRawPointer(message).assumingMemoryBound(to: ProtobufCMessage.self)
  }

  private func stream<M: CMessage>(_ message: UnsafeMutablePointer<M>, to file: FileSink) {
    var stream = unsafe Stream(
      base: ProtobufCBuffer(append: { buffer, count, bytes in
        // SAFETY: the buffer is the beginning of a `Stream`; what it refers to outlives the call.
        guard
          let stream = unsafe buffer.map({
            unsafe UnsafeMutableRawPointer($0).assumingMemoryBound(to: Stream.self).pointee
          })
        else { return }
        let file = unsafe stream.file.takeUnretainedValue()
        if count >= MessageArena.large,
          let storage = unsafe stream.arena.takeUnretainedValue().storage(at: bytes, count)
        {
          file.append(storage)
        } else {
          unsafe file.append(UnsafeRawBufferPointer(start: bytes, count: count))
        }
      }), file: Unmanaged.passUnretained(file), arena: Unmanaged.passUnretained(self))
    let message = unsafe base(of: message)
    unsafe withUnsafeMutablePointer(to: &stream) { stream in
      _ = unsafe protobuf_c_message_pack_to_buffer(
        message, UnsafeMutableRawPointer(stream).assumingMemoryBound(to: ProtobufCBuffer.self))
    }
  }

  /// What libprotobuf-c writes to; it knows the beginning alone.
  @unsafe private struct Stream {
    var base: ProtobufCBuffer
    var file: Unmanaged<FileSink>
    var arena: Unmanaged<MessageArena>
  }
}
