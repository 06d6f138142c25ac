import QATCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Bytes of a mapped file.
protocol MappedStorage: TensorStorage {
  /// Says that a range of the bytes is not needed for now: what it takes of memory is free, and it is
  /// read from the file again where someone does look at it.
  func forget(_ range: Range<Int>)
}

/// A file's bytes, mapped into memory: nothing is read until it is looked at.
@safe final class MappedFile: TensorStorage, MappedStorage, @unchecked Sendable {
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

  func forget(_ range: Range<Int>) {
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

/// Part of another storage's bytes, which it keeps alive.
final class SliceStorage: TensorStorage, MappedStorage, @unchecked Sendable {
  private let owner: TensorStorage
  private let start: Int

  init(_ owner: TensorStorage, _ range: Range<Int>) {
    self.owner = owner
    start = range.lowerBound
    // SAFETY: the range lies inside the owner's bytes, which live as long as `self`.
    let view = unsafe owner.withBytes { bytes in
      unsafe UnsafeRawBufferPointer(rebasing: bytes[range])
    }
    unsafe super.init(viewing: view)
  }

  func forget(_ range: Range<Int>) {
    (owner as? any MappedStorage)?.forget(range.lowerBound + start..<range.upperBound + start)
  }
}

/// What the system said about a failed call.
func ioError(_ what: String, _ path: String) -> Diagnostic {
  let reason = unsafe String(cString: strerror(errno))
  return Diagnostic(.io, "\(what): \(reason)", at: path, hint: "check the path and its permissions")
}
