import QATCore
import Testing

@testable import QATData

@Suite("Array files")
struct ArrayFileTests {
  static let samples: [AnyTensor] = [
    AnyTensor(shape: [2, 3], [1, -2, 3.5, 0, -0.0, 6] as [Float]), AnyTensor(Int64(-7)),
    AnyTensor(shape: [3], [1, 2, -1] as [Double]), AnyTensor(shape: [0, 4], [] as [Int32]),
    AnyTensor(shape: [4], [true, false, true, true]), AnyTensor(shape: [2], [UInt8(0), 255]),
    AnyTensor(shape: [2, 1, 2], [-1, 2, 300, -300] as [Int16]),
    AnyTensor(.f16, shape: [2], bytes: [0, 0x3c, 0, 0xc0]),
  ]

  @Test("give back the tensor that was written", arguments: samples)
  func roundTrip(_ tensor: AnyTensor) throws {
    #expect(try NPY.decode(NPY.encode(tensor)) == tensor)
    #expect(
      try NPZ.decode(NPZ.encode(["a": tensor, "b/c": Self.samples[0]]))
        == ["a": tensor, "b/c": Self.samples[0]])
  }

  @Test("write the header NumPy writes")
  func header() throws {
    let bytes = try NPY.encode(AnyTensor(shape: [3], [1, 2, 3] as [Float]))
    #expect(bytes.count == 128 + 12)
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"
    #expect(bytes[..<10].elementsEqual([0x93, 78, 85, 77, 80, 89, 1, 0, 118, 0]))
    #expect(String(decoding: bytes[10..<128], as: UTF8.self).hasPrefix(text))
    #expect(bytes[127] == 10)
  }

  private func npy(_ header: String, _ data: [UInt8], version: UInt8 = 1) -> [UInt8] {
    let length = version == 1 ? twoBytes(header.utf8.count) : fourBytes(header.utf8.count)
    return [0x93, 78, 85, 77, 80, 89, version, 0] + length + header.utf8 + data
  }

  @Test("read Fortran order, big-endian data and every version", arguments: [1, 2, 3] as [UInt8])
  func foreignLayouts(version: UInt8) throws {
    let header = "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3)}"
    // Column by column: (1 4) (2 5) (3 6).
    let data: [UInt8] = [0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6]
    let tensor = try NPY.decode(npy(header, data, version: version))
    #expect(tensor == AnyTensor(shape: [2, 3], [1, 2, 3, 4, 5, 6] as [Int16]))
  }

  @Test("read Fortran order of three axes as NumPy does")
  func fortranOrder() throws {
    let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4)}"
    let tensor = try NPY.decode(npy(header, Array(0..<24)))
    let elements = try #require(Tensor<UInt8>(tensor))
    for i in 0..<2 {
      for j in 0..<3 { for k in 0..<4 { #expect(Int(elements[[i, j, k]]) == i + 2 * j + 6 * k) } }
    }
  }

  @Test("take any byte but 0 as true")
  func bools() throws {
    let header = "{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}"
    #expect(try NPY.decode(npy(header, [0, 2, 255])).integers == [0, 1, 1])
  }

  @Test(
    "refuse headers that lie",
    arguments: [
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4611686018427387904)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 8, 0)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
      "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '<f4', 'shape': (1,)}", "{'descr': '<f4", "{", "", "[[[[",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} import os",
    ])
  func lyingHeaders(header: String) {
    #expect(throws: Diagnostic.self) { try NPY.decode(npy(header, [0, 0, 128, 63])) }
  }

  @Test("refuse every truncation and survive every flipped byte")
  func mutations() throws {
    let arrays = ["x": Self.samples[0], "labels": AnyTensor(shape: [2], [1, 2] as [Int64])]
    let npz = try NPZ.encode(arrays), npy = try NPY.encode(Self.samples[0])
    for length in 0..<npz.count {
      #expect(throws: Diagnostic.self) { try NPZ.decode(Array(npz[..<length])) }
    }
    for length in 0..<npy.count {
      #expect(throws: Diagnostic.self) { try NPY.decode(Array(npy[..<length])) }
    }
    for index in npz.indices {
      for mask in [1, 0x80, 0xff] as [UInt8] {
        var bytes = npz
        bytes[index] ^= mask
        _ = try? NPZ.decode(bytes)
      }
    }
  }

  @Test("inflate deflated entries and check their sums")
  func deflatedEntries() throws {
    let tensor = Self.samples[0], npy = try NPY.encode(tensor), sum = crc32(of: npy[...])
    let deflated = storedDeflate(npy)
    let good = zip("x.npy", deflated, method: 8, size: npy.count, checksum: sum)
    #expect(try NPZ.decode(good) == ["x": tensor])
    for bad in [
      zip("x.npy", deflated, method: 8, size: npy.count, checksum: sum ^ 1),
      zip("x.npy", deflated, method: 8, size: npy.count + 1, checksum: sum),
      zip("x.npy", deflated, method: 8, size: npy.count - 1, checksum: sum),
      zip("x.npy", deflated, method: 8, size: 0x7fff_ffff, checksum: sum),
      zip("x.npy", deflated, method: 12, size: npy.count, checksum: sum),
      zip("x.npy", deflated, method: 8, size: npy.count, checksum: sum, flags: 1),
      zip("x.txt", deflated, method: 8, size: npy.count, checksum: sum),
    ] {
      #expect(throws: Diagnostic.self) { try NPZ.decode(bad) }
    }
  }

  @Test("bound what gzip gives, and read several members")
  func gzip() throws {
    let data = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 31) }
    let bytes = gzipped(data)
    #expect(try Inflate.gzip(bytes) == data)
    #expect(try Inflate.gzip(bytes + gzipped([1, 2])) == data + [1, 2])
    #expect(throws: Diagnostic.self) { try Inflate.gzip(bytes, limit: data.count - 1) }
    #expect(throws: Diagnostic.self) { try Inflate.gzip(bytes.dropLast()) }
    #expect(throws: Diagnostic.self) { try Inflate.gzip(bytes + [7]) }
    var damaged = bytes
    damaged[500] ^= 1
    #expect(throws: Diagnostic.self) { try Inflate.gzip(damaged) }
  }

  @Test("read IDX, plain and gzip, and refuse what is not")
  func idxFiles() throws {
    let bytes = idx([2, 1, 3], [1, 2, 3, 4, 5, 6])
    let expected = AnyTensor(shape: [2, 1, 3], [1, 2, 3, 4, 5, 6] as [UInt8])
    #expect(try IDX.decode(bytes) == expected)
    #expect(try IDX.decode(gzipped(bytes)) == expected)
    let shorts: [UInt8] = [0, 0, 0x0b, 1, 0, 0, 0, 2, 1, 2, 0xff, 0xfe]
    #expect(try IDX.decode(shorts).integers == [258, -2])
    for length in 0..<bytes.count {
      #expect(throws: Diagnostic.self) { try IDX.decode(Array(bytes[..<length])) }
    }
    let huge: [UInt8] = [0, 0, 8, 3] + [UInt8](repeating: 0xff, count: 12)
    #expect(throws: Diagnostic.self) { try IDX.decode(huge) }
  }

  @Test("say which file is missing, and offer one like it")
  func missingFile() throws {
    let folder = try ScratchFolder()
    try folder.write("train.npy", try NPY.encode(Self.samples[0]))
    let error = #expect(throws: Diagnostic.self) { try NPY.read("\(folder.path)/trian.npy") }
    #expect(error?.code == .io)
    #expect(error?.hint == "did you mean 'train.npy'?")
    #expect(error?.place == "\(folder.path)/trian.npy")
    #expect(throws: Diagnostic.self) { try NPY.read(folder.path) }
    #expect(throws: Diagnostic.self) {
      try NPY.write(Self.samples[0], to: "\(folder.path)/none/x.npy")
    }
  }
}
