import CQATSchema
import QATCore

extension ModelReader {
  /// A tensor and its name. `raw_data` stays in the file: a view where it is aligned there.
  func tensor(
    _ message: UnsafeMutablePointer<Qat__Onnx__Tensor>, at path: FieldPath
  ) throws(Diagnostic) -> (name: String, tensor: AnyTensor) {
    let fields = unsafe message.pointee
    let place = TensorPlace(offset: unsafe source.place(of: message).lowerBound, path: path)
    let name = unsafe text(fields.name)
    let code = unsafe Int(fields.data_type)
    guard let element = ElementType(rawValue: code), element != .string else {
      throw Diagnostic(
        .unsupported, "a tensor of data_type \(code)", at: "byte \(place.offset) (\(path.text))")
    }
    guard unsafe fields.n_dims <= Shape.highestRank else {
      throw unsafe place.malformed("\(fields.n_dims) dimensions")
    }
    let dims = unsafe elements(fields.n_dims, fields.dims).map { Int($0) }
    // An empty tensor's other sizes are multiplied too, for strides; they must not overflow either.
    var count = 1
    for size in dims {
      let (product, overflow) = count.multipliedReportingOverflow(by: max(size, 1))
      guard size >= 0, !overflow, product < 1 << 48 else {
        throw place.malformed("dimensions \(dims)")
      }
      count = product
    }
    let expected = element.byteCount(dims.contains(0) ? 0 : count)
    let raw = unsafe fields.has_raw_data == 0 ? nil : source.range(of: fields.raw_data)
    let holders = unsafe fieldsWithElements(of: fields, raw)
    let isExternal = unsafe fields.data_location == 1
    guard holders.isEmpty || !isExternal && (holders == [9] || holders == [typedField(of: element)])
    else {
      throw place.malformed("elements in a field that \(element.name) does not use, or in two")
    }
    if isExternal {
      let entries = unsafe entries(fields.n_external_data, fields.external_data)
      return (name, try externalTensor(entries, element, dims, expected, place))
    }
    if let raw, holders.isSubset(of: [9]) {
      guard raw.count == expected else {
        throw .malformed(
          "raw_data has \(raw.count) bytes, \(element.name)\(dims) needs \(expected)",
          at: raw.lowerBound, path)
      }
      return (name, AnyTensor(element, shape: dims, storage: view(source.storage, raw, element)))
    }
    let storage = unsafe try typedStorage(of: fields, element, place)
    guard storage.byteCount == expected else {
      throw place.malformed(
        "data for \(storage.byteCount) bytes, \(element.name)\(dims) needs \(expected)")
    }
    return (name, AnyTensor(element, shape: dims, storage: storage))
  }

  /// The numbers of the fields that hold elements: one, and the element type says which.
  private func fieldsWithElements(of tensor: Qat__Onnx__Tensor, _ raw: Range<Int>?) -> Set<Int> {
    let counts: [(Int, Int)] = unsafe [
      (4, tensor.n_float_data), (5, tensor.n_int32_data), (7, tensor.n_int64_data),
      (9, raw?.count ?? 0), (10, tensor.n_double_data), (11, tensor.n_uint64_data),
    ]
    return Set(counts.filter { $0.1 > 0 }.map(\.0))
  }

  /// The elements in the field that goes with the element type.
  private func typedStorage(
    of tensor: Qat__Onnx__Tensor, _ element: ElementType, _ place: TensorPlace
  ) throws(Diagnostic) -> TensorStorage {
    switch typedField(of: element) {
    case 4: return unsafe copy(elements(tensor.n_float_data, tensor.float_data))
    case 7: return unsafe copy(elements(tensor.n_int64_data, tensor.int64_data))
    case 10: return unsafe copy(elements(tensor.n_double_data, tensor.double_data))
    case 11:
      let integers = unsafe elements(tensor.n_uint64_data, tensor.uint64_data)
      let bytes = try packed(unsafe integers.map { Int(truncatingIfNeeded: $0) }, element, place)
      return TensorStorage(bytes: bytes)
    default:
      let integers = unsafe elements(tensor.n_int32_data, tensor.int32_data).map { Int($0) }
      if element.bitWidth == 6 { return try packedFloats(integers, element, place) }
      return TensorStorage(bytes: try packed(integers, element, place))
    }
  }

  private func copy<Element>(_ elements: UnsafeBufferPointer<Element>) -> TensorStorage {
    let bytes = UnsafeRawBufferPointer(elements)
    // SAFETY: the storage is as long as the bytes.
    return unsafe TensorStorage(byteCount: bytes.count) { target in
      unsafe target.copyMemory(from: bytes)
    }
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

  /// A view where the elements are aligned (and large enough to be worth it), else a copy: a large one
  /// where it is looked at.
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
    if element != .bool, range.count >= DerivedStorage.smallest, storage.isMapped {
      return DerivedStorage(byteCount: range.count, isCopy: true) {
        // SAFETY: `target` is as long as the range, which lies inside the storage.
        let copy = unsafe TensorStorage(byteCount: range.count) { target in
          unsafe storage.withBytes { bytes in
            unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[range]))
          }
        }
        storage.forget(range)
        return copy
      }
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
    _ integers: [Int], _ element: ElementType, _ place: TensorPlace
  ) throws(Diagnostic) -> [UInt8] {
    if element == .bool { return integers.map { $0 == 0 ? 0 : 1 } }
    // Below 8 bits an entry of int32_data is a byte of packed elements already.
    let width = max(element.bitWidth / 8, 1)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(integers.count * width)
    for integer in integers {
      guard width == 8 || (-(1 << (8 * width - 1))..<(1 << (8 * width))).contains(integer) else {
        throw place.malformed("\(integer) is no \(element.name)")
      }
      for shift in 0..<width { bytes.append(UInt8(truncatingIfNeeded: integer >> (8 * shift))) }
    }
    return bytes
  }

  /// Elements of 6 bits, each an entry of its own.
  private func packedFloats(
    _ integers: [Int], _ element: ElementType, _ place: TensorPlace
  ) throws(Diagnostic) -> TensorStorage {
    if let other = integers.first(where: { !(0..<64).contains($0) }) {
      throw place.malformed("\(other) is no \(element.name)")
    }
    let patterns = integers.map { UInt8($0) }
    return AnyTensor(element, shape: [patterns.count], patterns: patterns).storage
  }

  /// Data in a file beside the model. A checksum is not looked at: that would read all of the file.
  private func externalTensor(
    _ entries: [String: String], _ element: ElementType, _ dims: [Int], _ expected: Int,
    _ place: TensorPlace
  ) throws(Diagnostic) -> AnyTensor {
    guard let externalFiles else { throw place.malformed("external data without a folder") }
    let location = entries["location"] ?? ""
    let file = try externalFiles.file(at: location, place)
    let offset = Int(entries["offset"] ?? "0") ?? -1
    let length = Int(entries["length"] ?? "\(expected)") ?? -1
    guard offset >= 0, length == expected, offset <= file.byteCount,
      length <= file.byteCount - offset
    else {
      throw place.malformed(
        "external data of \(length) bytes at \(offset) in '\(location)' (\(file.byteCount) bytes); \(element.name)\(dims) needs \(expected)"
      )
    }
    let storage = view(file, offset..<(offset + length), element)
    if !(storage is SliceStorage), !(storage is DerivedStorage) {
      try externalFiles.copied(length, place)
    }
    return AnyTensor(element, shape: dims, storage: storage)
  }
}

/// Where in a file a tensor stands.
struct TensorPlace {
  let offset: Int
  let path: FieldPath

  func malformed(_ message: String) -> Diagnostic { .malformed(message, at: offset, path) }
}
