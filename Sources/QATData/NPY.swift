import QATCore

/// NumPy's `.npy` files: a header in Python syntax, then the elements (format versions 1 to 3).
///
/// Reads bool, integers and floats of 16 to 64 bits, either byte order, C or Fortran order; gives C
/// order always. Writes version 1, little-endian, C order.
public enum NPY {
  /// Reads a file.
  /// - Throws: `io`; `malformed-file`; `unsupported` for elements that no tensor has.
  public static func read(_ path: String) throws(Diagnostic) -> AnyTensor {
    do { return try decode(try readFile(path)) } catch { throw error.placed(at: path) }
  }

  /// Writes a file, atomically.
  public static func write(_ tensor: AnyTensor, to path: String) throws(Diagnostic) {
    try writeFile(path, try encode(tensor))
  }

  /// The tensor of a file's bytes.
  ///
  /// - Throws: `malformed-file` where the bytes are not exactly one array, `unsupported` for an
  ///   element type that no tensor has.
  public static func decode(_ bytes: [UInt8]) throws(Diagnostic) -> AnyTensor {
    guard bytes.starts(with: magic), bytes.count >= 10, (1...3).contains(bytes[6]) else {
      throw Diagnostic(
        .malformedFile, "not a .npy file of version 1 to 3", hint: "write it with numpy.save")
    }
    // The length of the header: 2 bytes in version 1, 4 after it.
    let start = bytes[6] == 1 ? 10 : 12
    guard bytes.count >= start else { throw cutShort }
    let length = bytes[8..<start].reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= bytes.count - start else { throw cutShort }
    let header = try NPYHeader(String(decoding: bytes[start..<start + length], as: UTF8.self))
    let byteCount = try checkedByteCount(header.element, header.shape)
    let data = bytes[(start + length)...]
    guard data.count == byteCount else {
      throw Diagnostic(
        .malformedFile,
        "\(data.count) bytes of data where \(header.element.name)\(header.shape) has \(byteCount)",
        hint: "the file is cut short or damaged: write it again")
    }
    return header.tensor(of: Array(data))
  }

  /// The bytes of a file that holds `tensor`.
  ///
  /// - Throws: `unsupported` for an element type NumPy does not have.
  public static func encode(_ tensor: AnyTensor) throws(Diagnostic) -> [UInt8] {
    guard let type = NPYHeader.name(of: tensor.element) else {
      throw Diagnostic(
        .unsupported, "NumPy has no element type \(tensor.element.name)",
        hint: "cast to f32, or to i8 where it holds codes")
    }
    let sizes = tensor.shape.map { "\($0)," }.joined(separator: " ")
    var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(sizes)), }"
    // Elements start at a multiple of 64; the header ends in a line break.
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    let length = header.utf8.count
    return magic + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + header.utf8 + tensor.bytes
  }

  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  private static let cutShort = Diagnostic(
    .malformedFile, "the file ends inside its header", hint: "write it again")
}

/// What the header of a `.npy` file says: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
struct NPYHeader {
  var element: ElementType = .f32
  var isBigEndian = false
  var isFortranOrder = false
  var shape: [Int] = []

  init(_ text: String) throws(Diagnostic) {
    var parser = PythonLiteralParser(text)
    let pairs = try parser.dictionary()
    guard case .string(let type)? = pairs["descr"],
      case .bool(let fortran)? = pairs["fortran_order"],
      case .tuple(let sizes)? = pairs["shape"]
    else {
      if case .list? = pairs["descr"] {
        throw Diagnostic(
          .unsupported, "a structured array is no tensor", hint: "save one array for each field")
      }
      throw Diagnostic(
        .malformedFile, "the header lacks 'descr', 'fortran_order' or 'shape'",
        hint: "write the file with numpy.save")
    }
    guard sizes.count <= 64 else {
      throw Diagnostic(.malformedFile, "an array of \(sizes.count) dimensions")
    }
    guard let element = Self.elements[String(type.dropFirst())], let order = type.first,
      "<>|=".contains(order)
    else {
      throw Diagnostic(
        .unsupported, "arrays of NumPy type '\(type)' can't be read",
        hint: "save numbers: array.astype('float32') or 'int64'")
    }
    self.element = element
    isBigEndian = order == ">"
    isFortranOrder = fortran
    shape = sizes
  }

  /// NumPy's name for an element type, with the byte order; `nil` where NumPy has none.
  static func name(of element: ElementType) -> String? {
    elements.first { $0.value == element }.map { ($0.key.hasSuffix("1") ? "|" : "<") + $0.key }
  }

  /// The tensor of the file's data.
  func tensor(of data: [UInt8]) -> AnyTensor {
    let width = element.bitWidth / 8
    var bytes = isBigEndian ? swappingBytes(data, width: width) : data
    // NumPy takes every byte but 0 as true, Swift only 1.
    if element == .bool { bytes = bytes.map { min($0, 1) } }
    if isFortranOrder { bytes = rowMajor(bytes, width: width) }
    return AnyTensor(element, shape: shape, bytes: bytes)
  }

  /// Puts column-major elements of `width` bytes into row-major order.
  private func rowMajor(_ bytes: [UInt8], width: Int) -> [UInt8] {
    guard shape.count > 1, !bytes.isEmpty else { return bytes }
    let strides = Array(rowMajorStrides(shape.reversed()).reversed())
    var index = Array(repeating: 0, count: shape.count), source = 0
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    for _ in 0..<bytes.count / width {
      result.append(contentsOf: bytes[source * width..<(source + 1) * width])
      for axis in shape.indices.reversed() {
        index[axis] += 1
        source += strides[axis]
        if index[axis] < shape[axis] { break }
        source -= index[axis] * strides[axis]
        index[axis] = 0
      }
    }
    return result
  }

  private static let elements: [String: ElementType] = [
    "b1": .bool, "i1": .i8, "i2": .i16, "i4": .i32, "i8": .i64, "u1": .u8, "u2": .u16, "u4": .u32,
    "u8": .u64, "f2": .f16, "f4": .f32, "f8": .f64,
  ]
}
