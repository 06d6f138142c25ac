import QATCore

/// NumPy's `.npz` files: `.npy` files in a zip archive, stored or deflated.
public enum NPZ {
  /// The arrays of a file by name, without `.npy`.
  public static func read(_ path: String) throws(Diagnostic) -> [String: AnyTensor] {
    do { return try decode(try readFile(path)) } catch { throw error.placed(at: path) }
  }

  /// Writes stored entries, atomically, in the order of their names.
  public static func write(_ arrays: [String: AnyTensor], to path: String) throws(Diagnostic) {
    try writeFile(path, try encode(arrays))
  }

  /// The arrays of a file's bytes.
  ///
  /// - Throws: `malformed-file` for a damaged archive, a wrong checksum or two arrays of one name.
  public static func decode(_ bytes: [UInt8]) throws(Diagnostic) -> [String: AnyTensor] {
    let archive = try ZipArchive(bytes)
    var arrays: [String: AnyTensor] = [:]
    for entry in archive.entries {
      guard entry.name.hasSuffix(".npy") else {
        throw Diagnostic(
          .malformedFile, "'\(entry.name)' is no .npy array", hint: "write it with numpy.savez")
      }
      let name = String(entry.name.dropLast(4)), data = try archive.data(of: entry)
      let tensor: AnyTensor
      do { tensor = try NPY.decode(data) } catch { throw error.at(entry.name) }
      guard arrays.updateValue(tensor, forKey: name) == nil else {
        throw Diagnostic(.malformedFile, "two arrays are named '\(name)'", hint: "rename one")
      }
    }
    return arrays
  }

  /// The bytes of a file: stored entries, the same bytes for the same arrays.
  ///
  /// - Throws: `unsupported` for an element type NumPy lacks, or 4 GiB and more in all.
  public static func encode(_ arrays: [String: AnyTensor]) throws(Diagnostic) -> [UInt8] {
    var file: [UInt8] = [], directory: [UInt8] = []
    for (name, tensor) in arrays.sorted(by: { $0.key < $1.key }) {
      let data: [UInt8]
      do { data = try NPY.encode(tensor) } catch { throw error.at(name) }
      let path = Array("\(name).npy".utf8)
      guard file.count + data.count + 30 + path.count < 0xffff_ffff, path.count < 0xffff else {
        throw Diagnostic(
          .unsupported, "arrays of 4 GiB and more", at: name, hint: "write .npy files")
      }
      let offset = file.count
      // Version 2.0, UTF-8 name, stored, 1980-01-01; checksum; both sizes; length of the name.
      let common =
        littleEndian(20, 2) + littleEndian(0x800, 2) + littleEndian(0, 2)
        + littleEndian(0x0021_0000, 4) + littleEndian(Int(crc32(of: data[...])), 4)
        + littleEndian(data.count, 4) + littleEndian(data.count, 4) + littleEndian(path.count, 2)
      file += littleEndian(0x0403_4b50, 4) + common + littleEndian(0, 2) + path + data
      directory +=
        littleEndian(0x0201_4b50, 4) + littleEndian(20, 2) + common
        + littleEndian(0, 12) + littleEndian(offset, 4) + path
    }
    guard arrays.count < 0xffff, file.count + directory.count < 0xffff_ffff else {
      throw Diagnostic(.unsupported, "more than 65,534 arrays or 4 GiB", hint: "write .npy files")
    }
    let end =
      littleEndian(0x0605_4b50, 4) + littleEndian(0, 4) + littleEndian(arrays.count, 2)
      + littleEndian(arrays.count, 2) + littleEndian(directory.count, 4)
      + littleEndian(file.count, 4) + littleEndian(0, 2)
    return file + directory + end
  }
}

/// The lowest `count` bytes of a number, lowest first; beyond 8 they are 0.
private func littleEndian(_ number: Int, _ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
}
