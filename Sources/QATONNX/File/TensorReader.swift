import QATCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension ModelReader {
  /// A tensor and its name. `raw_data` stays a view of the file where its alignment allows.
  func tensor(_ message: WireReader) throws(Diagnostic) -> (name: String, tensor: AnyTensor) {
    var wire = message
    var dims: [Int] = [], code = 0, name = ""
    var raw: Range<Int>?
    var integers: [Int] = [], fixed: [UInt8] = []
    var external: [String: String] = [:], isExternal = false
    while let field = try wire.next() {
      switch field.number {
      case 1: try wire.appendIntegers(field, "dims", to: &dims)
      case 2: code = try wire.integer(field, "data_type")
      case 4: try wire.appendFixed(field, "float_data", width: 4, to: &fixed)
      case 5: try wire.appendIntegers(field, "int32_data", to: &integers)
      case 7: try wire.appendIntegers(field, "int64_data", to: &integers)
      case 8: name = try wire.text(field, "name")
      case 9:
        try wire.once(field, "raw_data")
        raw = try wire.range(field, "raw_data")
      case 10: try wire.appendFixed(field, "double_data", width: 8, to: &fixed)
      case 11: try wire.appendIntegers(field, "uint64_data", to: &integers)
      case 13:
        var inner = try wire.message(field, "external_data")
        var key = "", value = ""
        while let field = try inner.next() {
          if field.number == 1 { key = try inner.text(field, "key") }
          if field.number == 2 { value = try inner.text(field, "value") }
        }
        external[key] = value
      case 14: isExternal = try wire.integer(field, "data_location") == 1
      default: break
      }
    }
    let place = message.range.lowerBound
    guard let element = ElementType(rawValue: code), element != .string else {
      throw Diagnostic(.unsupported, "a tensor of data_type \(code)", at: "byte \(place) (\(message.path))")
    }
    // An empty tensor's other sizes are multiplied too, for strides; they must not overflow either.
    var count = 1
    for size in dims {
      let (product, overflow) = count.multipliedReportingOverflow(by: max(size, 1))
      guard size >= 0, !overflow, product < 1 << 48 else {
        throw message.malformed("dimensions \(dims)", at: place)
      }
      count = product
    }
    let expected = element.byteCount(dims.contains(0) ? 0 : count)
    if isExternal {
      return (name, try externalTensor(external, element, dims, expected, message))
    }
    if let raw {
      guard raw.count == expected else {
        throw message.malformed("raw_data has \(raw.count) bytes, \(element.name)\(dims) needs \(expected)", at: raw.lowerBound)
      }
      return (name, AnyTensor(element, shape: dims, storage: view(source.storage, raw, element)))
    }
    let bytes = fixed.isEmpty ? packed(integers, element) : fixed
    guard bytes.count == expected else {
      throw message.malformed("data for \(bytes.count) bytes, \(element.name)\(dims) needs \(expected)", at: place)
    }
    return (name, AnyTensor(element, shape: dims, storage: TensorStorage(bytes: bytes)))
  }

  /// A view where the elements are aligned (and large enough to be worth it), else a copy.
  private func view(_ storage: TensorStorage, _ range: Range<Int>, _ element: ElementType) -> TensorStorage {
    let width = max(element.bitWidth / 8, 1)
    // SAFETY: only the address is looked at.
    let start = unsafe storage.withBytes { bytes in Int(bitPattern: bytes.baseAddress) }
    let address = start + range.lowerBound
    if range.count > 64 && address % width == 0 { return SliceStorage(storage, range) }
    let copy = unsafe storage.withBytes { bytes in unsafe Array(bytes[range]) }
    return TensorStorage(bytes: copy)
  }

  /// Integers of the typed fields as the bytes of their element type.
  private func packed(_ integers: [Int], _ element: ElementType) -> [UInt8] {
    // Below 8 bits an entry of int32_data is a byte of packed elements already.
    let width = max(element.bitWidth / 8, 1)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(integers.count * width)
    for integer in integers {
      for shift in 0..<width { bytes.append(UInt8(truncatingIfNeeded: integer >> (8 * shift))) }
    }
    return bytes
  }

  /// Data in a file beside the model: inside the model's folder, and nowhere else.
  private func externalTensor(
    _ entries: [String: String], _ element: ElementType, _ dims: [Int], _ expected: Int, _ message: WireReader
  ) throws(Diagnostic) -> AnyTensor {
    let place = message.range.lowerBound
    guard let folder else { throw message.malformed("external data without a folder", at: place) }
    guard let location = entries["location"], !location.isEmpty, !location.hasPrefix("/"),
      !location.split(separator: "/").contains("..")
    else {
      throw message.malformed("external data at '\(entries["location"] ?? "")' lies outside the model's folder", at: place)
    }
    let path = folder + "/" + location
    guard isInside(path, folder) else {
      throw message.malformed("external data at '\(location)' lies outside the model's folder", at: place)
    }
    let file = try MappedFile(path: path)
    let offset = Int(entries["offset"] ?? "0") ?? -1
    let length = Int(entries["length"] ?? "\(expected)") ?? -1
    guard offset >= 0, length == expected, offset <= file.byteCount, length <= file.byteCount - offset else {
      throw message.malformed(
        "external data of \(length) bytes at \(offset) in '\(location)' (\(file.byteCount) bytes); \(element.name)\(dims) needs \(expected)",
        at: place)
    }
    return AnyTensor(element, shape: dims, storage: view(file, offset..<(offset + length), element))
  }

  /// Whether a path, links followed, lies in a folder.
  private func isInside(_ path: String, _ folder: String) -> Bool {
    func resolved(_ path: String) -> String? {
      guard let real = unsafe realpath(path, nil) else { return nil }
      defer { unsafe free(real) }
      return unsafe String(cString: real)
    }
    guard let target = resolved(path), let root = resolved(folder) else { return true }  // opening says why
    return target.hasPrefix(root == "/" ? "/" : root + "/")
  }
}

/// One tensor in a file of its own (`input_0.pb`).
public enum TensorFile {
  /// - Throws: `io`, `malformed-file`.
  public static func read(_ path: String) throws(Diagnostic) -> (name: String?, tensor: AnyTensor) {
    do throws(Diagnostic) {
      let source = WireReader.Source(try MappedFile(path: path))
      let reader = ModelReader(source: source, folder: folder(of: path))
      let (name, tensor) = try reader.tensor(WireReader(source))
      return (name.isEmpty ? nil : name, tensor)
    } catch { throw error.place == path ? error : error.at(path) }
  }

  /// Writes a tensor, atomically.
  public static func write(_ tensor: AnyTensor, name: String, to path: String) throws(Diagnostic) {
    try AtomicFile.write(tensorMessage(tensor, name: name), to: path)
  }
}
