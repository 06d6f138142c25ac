public import QATCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The few calls of the system that the command needs beside reading and writing models.
public enum FileSystem {
  /// Makes a folder, and those it lies in, where there are none.
  /// - Throws: `io`.
  public static func makeFolder(_ path: String) throws(Diagnostic) {
    var part = path.hasPrefix("/") ? "/" : ""
    for component in path.split(separator: "/") {
      part += (part.isEmpty || part.hasSuffix("/") ? "" : "/") + component
      guard unsafe mkdir(part, 0o755) != 0, errno != EEXIST else { continue }
      throw ioError("can't be made", part)
    }
  }

  /// The size of a file in bytes. - Throws: `io`.
  public static func size(of path: String) throws(Diagnostic) -> Int {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { throw ioError("can't be read", path) }
    return Int(status.st_size)
  }

  /// Writes text to standard output (1) or standard error (2); what can't be written is lost.
  public static func write(_ text: String, toStream descriptor: Int32) {
    let storage = TensorStorage(bytes: Array(text.utf8))
    unsafe storage.withBytes { bytes in
      var sent = 0
      while sent < bytes.count {
        // SAFETY: writes what is left of the bytes.
        let count = unsafe systemWrite(descriptor, bytes.baseAddress! + sent, bytes.count - sent)
        if count < 0 && errno == EINTR { continue }
        if count <= 0 { return }
        sent += count
      }
    }
  }

  /// Whether a stream is a terminal.
  public static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }
}
