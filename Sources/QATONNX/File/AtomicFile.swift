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
    try write(to: path) { file in unsafe bytes.withUnsafeBytes { unsafe file.append($0) } }
  }

  /// Writes a text as UTF-8: there whole or not at all.
  /// - Throws: `io`.
  public static func write(text: String, to path: String) throws(Diagnostic) {
    try write(Array(text.utf8), to: path)
  }

  /// Writes what `body` appends. An append that fails makes those behind it do nothing.
  static func write(
    to path: String, _ body: (FileSink) throws(Diagnostic) -> Void
  ) throws(Diagnostic) {
    // A device or a pipe is written to as it is; a rename would replace it.
    var status = stat()
    let exists = unsafe stat(path, &status) == 0
    if exists, status.st_mode & S_IFMT != S_IFREG {
      let descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw failed(path) }
      defer { close(descriptor) }
      try send(body, to: descriptor, path)
      return
    }
    // Through a link, so that it stays one; and under a name that no one can foresee and plant.
    let target = exists ? resolved(path) : path
    let temporary = "\(target).\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).tmp"
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failed(path) }
    do throws(Diagnostic) {
      try send(body, to: descriptor, path)
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

  private static func send(
    _ body: (FileSink) throws(Diagnostic) -> Void, to descriptor: Int32, _ path: String
  ) throws(Diagnostic) {
    let file = FileSink(descriptor)
    try body(file)
    file.flush()
    if let number = file.failure {
      errno = number
      throw failed(path)
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

/// An open file that is appended to: small pieces together, large ones from where they are.
final class FileSink {
  private let descriptor: Int32
  private var pending: [UInt8] = []
  /// Bytes appended.
  private(set) var byteCount = 0
  /// What the system said of the first write that failed; nothing is written behind it.
  private(set) var failure: Int32?

  fileprivate init(_ descriptor: Int32) {
    self.descriptor = descriptor
    pending.reserveCapacity(1 << 16)
  }

  func append(_ bytes: UnsafeRawBufferPointer) {
    byteCount += bytes.count
    guard bytes.count < 1 << 14 else {
      flush()
      unsafe send(bytes)
      return
    }
    unsafe pending.append(contentsOf: bytes)
    if pending.count >= 1 << 16 { flush() }
  }

  func appendZeros(_ count: Int) {
    let zeros = Array(repeating: UInt8(0), count: count)
    unsafe zeros.withUnsafeBytes { unsafe append($0) }
  }

  fileprivate func flush() {
    unsafe pending.withUnsafeBytes { unsafe send($0) }
    pending.removeAll(keepingCapacity: true)
  }

  private func send(_ bytes: UnsafeRawBufferPointer) {
    var sent = 0
    while sent < bytes.count, failure == nil {
      // SAFETY: writes what is left of `bytes`.
      let count = unsafe systemWrite(descriptor, bytes.baseAddress! + sent, bytes.count - sent)
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { failure = errno } else { sent += count }
    }
  }
}

// SAFETY: passes its arguments on; inside a type the bare name may mean its own function.
func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
  unsafe write(descriptor, bytes, count)
}
