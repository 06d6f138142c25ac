import QATCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Writes files so that they are there whole or not at all: a temporary file beside the target, then
/// a rename.
public enum AtomicFile {
  /// - Throws: `io`; nothing is left behind.
  public static func write(_ bytes: [UInt8], to path: String) throws(Diagnostic) {
    var message = WireMessage()
    message.verbatim(bytes)
    try write(message, to: path)
  }

  public static func write(text: String, to path: String) throws(Diagnostic) {
    try write(Array(text.utf8), to: path)
  }

  static func write(_ message: WireMessage, to path: String) throws(Diagnostic) {
    // A device or a pipe is written to as it is; a rename would replace it.
    var status = stat()
    let exists = unsafe stat(path, &status) == 0
    if exists, status.st_mode & S_IFMT != S_IFREG {
      let descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw failed(path) }
      defer { close(descriptor) }
      try send(message, to: descriptor, path)
      return
    }
    // Through a link, so that it stays one; and under a name that no one can foresee and plant.
    let target = exists ? resolved(path) : path
    let temporary = "\(target).\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).tmp"
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failed(path) }
    do throws(Diagnostic) {
      try send(message, to: descriptor, path)
      if exists { _ = fchmod(descriptor, status.st_mode & 0o7777) }
      guard fsync(descriptor) == 0 else { throw failed(path) }
    } catch {
      close(descriptor)
      _ = unsafe unlink(temporary)
      throw error
    }
    guard close(descriptor) == 0, unsafe rename(temporary, target) == 0 else {
      let error = failed(path)
      _ = unsafe unlink(temporary)
      throw error
    }
  }

  private static func send(_ message: WireMessage, to descriptor: Int32, _ path: String)
    throws(Diagnostic)
  {
    for piece in message.pieces {
      switch piece {
      case .bytes(let bytes):
        let storage = TensorStorage(bytes: bytes)
        try unsafe storage.withBytes { buffer throws(Diagnostic) in
          try unsafe send(buffer, to: descriptor, path)
        }
      case .storage(let storage):
        try unsafe storage.withBytes { buffer throws(Diagnostic) in
          try unsafe send(buffer, to: descriptor, path)
        }
      }
    }
  }

  private static func send(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String
  ) throws(Diagnostic) {
    var sent = 0
    while sent < bytes.count {
      // SAFETY: writes what is left of `bytes`.
      let count = unsafe systemWrite(descriptor, bytes.baseAddress! + sent, bytes.count - sent)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw failed(path) }
      sent += count
    }
  }

  /// The path without links.
  private static func resolved(_ path: String) -> String {
    // SAFETY: `realpath` allocates the string that is read and freed here.
    guard let resolved = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  private static func failed(_ path: String) -> Diagnostic {
    let reason = unsafe String(cString: strerror(errno))
    return Diagnostic(
      .io, "can't be written: \(reason)", at: path,
      hint: "check the folder, its permissions and the disk's space")
  }
}

// SAFETY: passes its arguments on; inside `AtomicFile` the bare name means its own function.
func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
  unsafe write(descriptor, bytes, count)
}
