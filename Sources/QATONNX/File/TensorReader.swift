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
    var holders: Set<Int> = []  // fields that hold elements: one, and the element type says which
    var external: [String: String] = [:], isExternal = false
    while let field = try wire.next(once: [2, 3, 8, 9, 12, 14]) {
      if [4, 5, 7, 9, 10, 11].contains(field.number), !field.isEmpty {
        holders.insert(field.number)
      }
      switch field.number {
      case 1: try wire.appendIntegers(field, "dims", to: &dims)
      case 2: code = try wire.integer(field, "data_type")
      case 4: try wire.appendFixed(field, "float_data", width: 4, to: &fixed)
      case 5: try wire.appendIntegers(field, "int32_data", to: &integers)
      case 7: try wire.appendIntegers(field, "int64_data", to: &integers)
      case 8: name = try wire.text(field, "name")
      case 9:
        raw = try wire.range(field, "raw_data")
      case 10: try wire.appendFixed(field, "double_data", width: 8, to: &fixed)
      case 11: try wire.appendIntegers(field, "uint64_data", to: &integers)
      case 13:
        var inner = try wire.message(field, "external_data")
        var key = "", value = ""
        while let field = try inner.next(once: [1, 2]) {
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
      throw Diagnostic(
        .unsupported, "a tensor of data_type \(code)", at: "byte \(place) (\(message.path))")
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
    guard holders.isEmpty || !isExternal && (holders == [9] || holders == [typedField(of: element)])
    else {
      throw message.malformed(
        "elements in a field that \(element.name) does not use, or in two", at: place)
    }
    if isExternal {
      return (name, try externalTensor(external, element, dims, expected, message))
    }
    if let raw, holders.isSubset(of: [9]) {
      guard raw.count == expected else {
        throw message.malformed(
          "raw_data has \(raw.count) bytes, \(element.name)\(dims) needs \(expected)",
          at: raw.lowerBound)
      }
      return (name, AnyTensor(element, shape: dims, storage: view(source.storage, raw, element)))
    }
    let bytes = fixed.isEmpty ? try packed(integers, element, message) : fixed
    guard bytes.count == expected else {
      throw message.malformed(
        "data for \(bytes.count) bytes, \(element.name)\(dims) needs \(expected)", at: place)
    }
    return (name, AnyTensor(element, shape: dims, storage: TensorStorage(bytes: bytes)))
  }

  /// The field that holds the elements of a type, where `raw_data` does not.
  private func typedField(of element: ElementType) -> Int {
    switch element {
    case .f32: 4
    case .f64: 10
    case .i64: 7
    case .u32, .u64: 11
    default: 5
    }
  }

  /// A view where the elements are aligned (and large enough to be worth it), else a copy.
  private func view(_ storage: TensorStorage, _ range: Range<Int>, _ element: ElementType)
    -> TensorStorage
  {
    let width = max(element.bitWidth / 8, 1)
    // SAFETY: only the address is looked at.
    let start = unsafe storage.withBytes { bytes in Int(bitPattern: bytes.baseAddress) }
    let address = start + range.lowerBound
    if element != .bool, range.count > 64, address % width == 0 {
      return SliceStorage(storage, range)
    }
    var copy = unsafe storage.withBytes { bytes in unsafe Array(bytes[range]) }
    // Only 0 and 1 are a `Bool` in memory; in a file every other byte means true too.
    if element == .bool { copy = copy.map { $0 == 0 ? 0 : 1 } }
    return TensorStorage(bytes: copy)
  }

  /// Integers of the typed fields as the bytes of their element type.
  /// Patterns extended by zeros or by their sign are both in use; more bits than the type has are a
  /// mistake of the file.
  private func packed(
    _ integers: [Int], _ element: ElementType, _ message: WireReader
  ) throws(Diagnostic) -> [UInt8] {
    if element == .bool { return integers.map { $0 == 0 ? 0 : 1 } }
    // Below 8 bits an entry of int32_data is a byte of packed elements already.
    let width = max(element.bitWidth / 8, 1)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(integers.count * width)
    for integer in integers {
      // A number of int32_data has 32 bits however it is encoded.
      let integer = typedField(of: element) == 5 ? Int(Int32(truncatingIfNeeded: integer)) : integer
      guard width == 8 || (-(1 << (8 * width - 1))..<(1 << (8 * width))).contains(integer) else {
        throw message.malformed("\(integer) is no \(element.name)", at: message.range.lowerBound)
      }
      for shift in 0..<width { bytes.append(UInt8(truncatingIfNeeded: integer >> (8 * shift))) }
    }
    return bytes
  }

  /// Data in a file beside the model: inside the model's folder, and nowhere else.
  private func externalTensor(
    _ entries: [String: String], _ element: ElementType, _ dims: [Int], _ expected: Int,
    _ message: WireReader
  ) throws(Diagnostic) -> AnyTensor {
    let place = message.range.lowerBound
    guard let folder else { throw message.malformed("external data without a folder", at: place) }
    guard let location = entries["location"], !location.isEmpty, !location.hasPrefix("/"),
      !location.split(separator: "/").contains("..")
    else {
      throw message.malformed(
        "external data at '\(entries["location"] ?? "")' lies outside the model's folder", at: place
      )
    }
    let path = folder + "/" + location
    guard isInside(path, folder) else {
      throw message.malformed(
        "external data at '\(location)' lies outside the model's folder", at: place)
    }
    let file = try MappedFile(path: path)
    let offset = Int(entries["offset"] ?? "0") ?? -1
    let length = Int(entries["length"] ?? "\(expected)") ?? -1
    guard offset >= 0, length == expected, offset <= file.byteCount,
      length <= file.byteCount - offset
    else {
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
    // opening says why
    guard let target = resolved(path), let root = resolved(folder) else { return true }
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
