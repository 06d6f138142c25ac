import QATCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file's bytes, mapped into memory: nothing is read until it is looked at.
@safe final class MappedFile: TensorStorage, @unchecked Sendable {
  // SAFETY: the mapping is private and read-only, and lives until `deinit`.
  private let mapping: UnsafeMutableRawPointer?
  private let length: Int

  /// - Throws: `io` for a file that can't be opened or is no regular file.
  init(path: String) throws(Diagnostic) {
    // Without O_NONBLOCK, opening a pipe would wait for someone who writes.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw ioError("can't be read", path) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw Diagnostic(.io, "is no regular file", at: path)
    }
    length = Int(status.st_size)
    guard length > 0 else {
      unsafe mapping = nil
      unsafe super.init(viewing: UnsafeRawBufferPointer(start: nil, count: 0))
      return
    }
    let result = unsafe mmap(nil, length, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let start = unsafe result, unsafe start != MAP_FAILED else {
      throw ioError("can't be mapped", path)
    }
    unsafe mapping = start
    unsafe super.init(viewing: UnsafeRawBufferPointer(start: start, count: length))
  }

  override var isMapped: Bool { true }

  override func forget(_ range: Range<Int>) {
    guard let mapping = unsafe mapping else { return }
    let page = Int(getpagesize())
    let start = range.lowerBound / page * page
    // SAFETY: the pages lie inside the mapping, which is read-only: what is dropped is the file's.
    _ = unsafe madvise(mapping + start, range.upperBound - start, MADV_DONTNEED)
  }

  deinit {
    if let mapping = unsafe mapping { unsafe munmap(mapping, length) }
  }
}

/// What the system said about a failed call.
func ioError(_ what: String, _ path: String) -> Diagnostic {
  let reason = unsafe String(cString: strerror(errno))
  return Diagnostic(.io, "\(what): \(reason)", at: path, hint: "check the path and its permissions")
}
