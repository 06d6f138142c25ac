import QATCore

/// The entries of a zip file in memory: stored or deflated, zip64 or not (APPNOTE 6.3).
///
/// The central directory decides; entries whose bytes overlap are refused, so that a small file
/// cannot stand for a huge one.
struct ZipArchive {
  struct Entry {
    var name: String
    var method: Int
    var checksum: UInt32
    var compressedSize: Int
    var size: Int
    /// Where the entry's local header starts, and its data.
    var headerOffset: Int
    var dataOffset: Int
  }

  private(set) var entries: [Entry] = []
  private let file: LittleEndianBytes

  init(_ bytes: [UInt8]) throws(Diagnostic) {
    file = LittleEndianBytes(bytes)
    let directory = try Self.findDirectory(in: file)
    var offset = directory.offset
    for index in 0..<directory.count {
      let entry = try Self.readEntry(in: file, at: &offset, index)
      if !entry.name.hasSuffix("/") { entries.append(entry) }
    }
    try checkOverlap()
  }

  /// The content of an entry, its checksum checked.
  func data(of entry: Entry) throws(Diagnostic) -> [UInt8] {
    let stored = file.bytes[entry.dataOffset..<entry.dataOffset + entry.compressedSize]
    let data: [UInt8]
    switch entry.method {
    case 0:
      guard entry.size == entry.compressedSize else {
        throw malformed("a stored entry of two sizes").at(entry.name)
      }
      data = Array(stored)
    case 8:
      do { data = try Inflate.raw(stored, count: entry.size) } catch { throw error.at(entry.name) }
    default:
      throw Diagnostic(
        .unsupported, "compression method \(entry.method)", at: entry.name,
        hint: "write it with numpy.savez or numpy.savez_compressed")
    }
    guard crc32(of: data[...]) == entry.checksum else {
      throw malformed("the checksum does not agree with the data").at(entry.name)
    }
    return data
  }

  private func checkOverlap() throws(Diagnostic) {
    var end = 0
    for entry in entries.sorted(by: { $0.headerOffset < $1.headerOffset }) {
      guard entry.headerOffset >= end else { throw malformed("entries overlap").at(entry.name) }
      end = entry.dataOffset + entry.compressedSize
    }
  }

  /// Where the central directory starts and how many entries it has, from the record at the end.
  private static func findDirectory(
    in file: LittleEndianBytes
  ) throws(Diagnostic) -> (offset: Int, count: Int) {
    let size = file.bytes.count
    let candidates = stride(from: size - 22, through: max(0, size - 22 - 0xffff), by: -1)
    guard size >= 22,
      let end = candidates.first(where: {
        file.u32(at: $0) == 0x0605_4b50 && (file.u16(at: $0 + 20) ?? 0) <= size - 22 - $0
      }), let count = file.u16(at: end + 10), let offset = file.u32(at: end + 16)
    else {
      throw malformed("not a zip file: its directory is missing")
    }
    // A zip64 file says so in a locator before the record; the true numbers are in another record.
    guard file.u32(at: end - 20) == 0x0706_4b50 else { return (offset, count) }
    guard let wide = file.u64(at: end - 12), file.u32(at: wide) == 0x0606_4b50,
      let count = file.u64(at: wide + 32), let offset = file.u64(at: wide + 48), count <= size / 46
    else { throw malformed("its zip64 directory is damaged") }
    return (offset, count)
  }

  private static func readEntry(
    in file: LittleEndianBytes, at offset: inout Int, _ index: Int
  ) throws(Diagnostic) -> Entry {
    guard file.u32(at: offset) == 0x0201_4b50, let flags = file.u16(at: offset + 8),
      let method = file.u16(at: offset + 10), let checksum = file.u32(at: offset + 16),
      let compressedSize = file.u32(at: offset + 20), let size = file.u32(at: offset + 24),
      let nameLength = file.u16(at: offset + 28), let extraLength = file.u16(at: offset + 30),
      let commentLength = file.u16(at: offset + 32), let header = file.u32(at: offset + 42),
      let name = file.slice(at: offset + 46, count: nameLength),
      let extra = file.slice(at: offset + 46 + nameLength, count: extraLength)
    else { throw malformed("entry \(index) of its directory is damaged") }
    let text = String(decoding: name, as: UTF8.self)
    guard flags & 1 == 0 else {
      throw Diagnostic(.unsupported, "an encrypted entry", at: text, hint: "write it unencrypted")
    }
    var entry = Entry(
      name: text, method: method, checksum: UInt32(checksum), compressedSize: compressedSize,
      size: size, headerOffset: header, dataOffset: 0)
    try entry.widen(from: LittleEndianBytes(Array(extra)))
    try entry.locateData(in: file)
    offset += 46 + nameLength + extraLength + commentLength
    return entry
  }

  fileprivate static func malformed(_ what: String) -> Diagnostic {
    Diagnostic(
      .malformedFile, what,
      hint: "the file is cut short or damaged: write it again with numpy.savez")
  }

  private func malformed(_ what: String) -> Diagnostic { Self.malformed(what) }
}

extension ZipArchive.Entry {
  /// Takes from the zip64 extra field what did not fit into 32 bits.
  fileprivate mutating func widen(from extra: LittleEndianBytes) throws(Diagnostic) {
    var offset = 0
    while let id = extra.u16(at: offset), let length = extra.u16(at: offset + 2) {
      offset += 4
      if id == 1 {
        var field = offset
        for path in [\Self.size, \Self.compressedSize, \Self.headerOffset]
        where self[keyPath: path] == 0xffff_ffff {
          guard field + 8 <= offset + length, let value = extra.u64(at: field) else {
            throw ZipArchive.malformed("a damaged zip64 field").at(name)
          }
          self[keyPath: path] = value
          field += 8
        }
      }
      offset += length
    }
  }

  /// Finds the data behind the local header and checks that the file holds all of it.
  fileprivate mutating func locateData(in file: LittleEndianBytes) throws(Diagnostic) {
    guard file.u32(at: headerOffset) == 0x0403_4b50,
      let nameLength = file.u16(at: headerOffset + 26),
      let extraLength = file.u16(at: headerOffset + 28)
    else { throw ZipArchive.malformed("its local header is missing").at(name) }
    dataOffset = headerOffset + 30 + nameLength + extraLength
    guard file.slice(at: dataOffset, count: compressedSize) != nil,
      size <= Inflate.largestOutput(of: compressedSize)
    else { throw ZipArchive.malformed("the file does not hold the entry's data").at(name) }
  }
}

/// Checked little-endian reads.
struct LittleEndianBytes {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  func u16(at offset: Int) -> Int? { number(at: offset, 2) }
  func u32(at offset: Int) -> Int? { number(at: offset, 4) }
  /// `nil` for a number beyond half of `Int` too: no offset or size in memory is as large.
  func u64(at offset: Int) -> Int? {
    guard let top = number(at: offset + 4, 4), top < 1 << 30, let low = number(at: offset, 4) else {
      return nil
    }
    return top << 32 | low
  }

  func slice(at offset: Int, count: Int) -> ArraySlice<UInt8>? {
    guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else {
      return nil
    }
    return bytes[offset..<offset + count]
  }

  private func number(at offset: Int, _ count: Int) -> Int? {
    slice(at: offset, count: count)?.reversed().reduce(0) { $0 << 8 | Int($1) }
  }
}
