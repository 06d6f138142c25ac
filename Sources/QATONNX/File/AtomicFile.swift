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
    try write([Part(path: path) { file in unsafe bytes.withUnsafeBytes { unsafe file.append($0) } }]
    )
  }

  /// Writes a text as UTF-8: there whole or not at all.
  /// - Throws: `io`.
  public static func write(text: String, to path: String) throws(Diagnostic) {
    try write([Part(path: path) { $0.append(text: text) }])
  }

  /// A file, and what appends its contents. An append that fails makes those behind it do nothing.
  struct Part {
    let path: String
    let body: (FileSink) throws(Diagnostic) -> Void
  }

  /// Writes files that belong together: none is replaced before all of them are on the disk; the last
  /// one is replaced last.
  static func write(_ parts: [Part]) throws(Diagnostic) {
    var written: [(temporary: String, target: String)] = []
    do throws(Diagnostic) {
      for part in parts {
        if let file = try temporaryFile(part) { written.append(file) }
      }
      while let (temporary, target) = written.first {
        guard unsafe rename(temporary, target) == 0 else { throw failed(target) }
        written.removeFirst()
      }
    } catch {
      for (temporary, _) in written { _ = unsafe unlink(temporary) }
      throw error
    }
  }

  /// Whether a path is that of a regular file, or of none: of what a rename may replace.
  static func isReplaceable(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG
  }

  /// Writes a file beside the one that it is to replace; `nil` for a device or a pipe, which is
  /// written to as it is: a rename would replace it.
  private static func temporaryFile(
    _ part: Part
  ) throws(Diagnostic) -> (temporary: String, target: String)? {
    let path = part.path
    guard isReplaceable(path) else {
      let descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw failed(path) }
      defer { close(descriptor) }
      try send(part.body, to: descriptor, path)
      return nil
    }
    // Through a link, so that it stays one; and under a name that no one can foresee and plant.
    var status = stat()
    let exists = unsafe stat(path, &status) == 0
    let target = exists ? resolved(path) : path
    let temporary = "\(target).\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).tmp"
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failed(path) }
    do throws(Diagnostic) {
      try send(part.body, to: descriptor, path)
      if exists { _ = fchmod(descriptor, status.st_mode & 0o7777) }
      guard fsync(descriptor) == 0 else { throw failed(path) }
    } catch {
      close(descriptor)
      _ = unsafe unlink(temporary)
      throw error
    }
    guard close(descriptor) == 0 else {
      let error = failed(path)
      _ = unsafe unlink(temporary)
      throw error
    }
    return (temporary, target)
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
@safe final class FileSink {
  private static let capacity = 1 << 16

  private let descriptor: Int32
  // SAFETY: of `capacity` bytes, allocated and freed here; the first `pending` are initialized.
  private let buffer = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
  private var pending = 0
  /// Bytes appended.
  private(set) var byteCount = 0
  /// What the system said of the first write that failed; nothing is written behind it.
  private(set) var failure: Int32?

  fileprivate init(_ descriptor: Int32) {
    self.descriptor = descriptor
  }

  deinit { unsafe buffer.deallocate() }

  func append(_ bytes: UnsafeRawBufferPointer) {
    byteCount += bytes.count
    if pending + bytes.count > Self.capacity { flush() }
    guard bytes.count < Self.capacity / 4 else {
      flush()
      unsafe send(bytes)
      return
    }
    if let start = bytes.baseAddress {
      unsafe (buffer + pending).copyMemory(from: start, byteCount: bytes.count)
    }
    pending += bytes.count
  }

  /// The bytes of a tensor. Those of a mapped file are resident a piece at a time only.
  func append(_ storage: TensorStorage) {
    unsafe storage.withBytes { bytes in
      for start in stride(from: 0, to: bytes.count, by: 1 << 20) {
        let piece = start..<min(start + 1 << 20, bytes.count)
        unsafe append(UnsafeRawBufferPointer(rebasing: bytes[piece]))
        storage.forget(piece)
      }
    }
  }

  func append(text: String) {
    var text = text
    text.withUTF8 { unsafe append(UnsafeRawBufferPointer($0)) }
  }

  func appendZeros(_ count: Int) {
    let zeros = Array(repeating: UInt8(0), count: count)
    unsafe zeros.withUnsafeBytes { unsafe append($0) }
  }

  fileprivate func flush() {
    unsafe send(UnsafeRawBufferPointer(start: buffer, count: pending))
    pending = 0
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
