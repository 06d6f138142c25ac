import QATCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The files of external data that a model refers to, each mapped once: in the model's folder or in
/// one inside it, and nowhere else.
final class ExternalFiles {
  private let folder: String
  private var files: [String: MappedFile] = [:]
  /// Bytes that had to be copied, of all files.
  private var copied = 0

  init(folder: String) { self.folder = folder }

  /// - Throws: `malformed-file` for a path out of the folder, by `..` or by a link; `io`.
  func file(at location: String, _ place: TensorPlace) throws(Diagnostic) -> MappedFile {
    if let file = files[location] { return file }
    let path = folder + "/" + location
    guard !location.isEmpty, !location.hasPrefix("/"), !location.utf8.contains(0),
      !location.split(separator: "/").contains(".."), isInside(path)
    else {
      throw place.malformed("external data at '\(location)' lies outside the model's folder")
    }
    let file = try MappedFile(path: path)
    files[location] = file
    return file
  }

  /// Counts what was copied. Views may overlap, but copies of the same bytes over and over would take
  /// memory that no file warrants.
  func copied(_ byteCount: Int, _ place: TensorPlace) throws(Diagnostic) {
    copied += byteCount
    guard copied <= 4 * files.values.reduce(1 << 20, { $0 + $1.byteCount }) else {
      throw place.malformed("external data that is used too often, and is not aligned")
    }
  }

  /// Whether a path, links followed, lies in the folder.
  private func isInside(_ path: String) -> Bool {
    func resolved(_ path: String) -> String? {
      // SAFETY: `realpath` allocates the string that is read and freed here.
      guard let real = unsafe realpath(path, nil) else { return nil }
      defer { unsafe free(real) }
      return unsafe String(cString: real)
    }
    // opening says why
    guard let target = resolved(path), let root = resolved(folder) else { return true }
    return target.hasPrefix(root == "/" ? "/" : root + "/")
  }
}
