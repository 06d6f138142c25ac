import Foundation
import QATCore

@testable import QATData

/// gzip of stored blocks: what a test can make without a compressor.
func gzipped(_ bytes: [UInt8]) -> [UInt8] {
  [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255] + storedDeflate(bytes)
    + fourBytes(Int(crc32(of: bytes[...]))) + fourBytes(bytes.count)
}

/// A raw deflate stream of stored blocks.
func storedDeflate(_ bytes: [UInt8]) -> [UInt8] {
  var result: [UInt8] = [], rest = bytes[...]
  repeat {
    let block = rest.prefix(65535)
    rest = rest.dropFirst(block.count)
    let low = UInt8(block.count & 255), high = UInt8(block.count >> 8)
    result += [rest.isEmpty ? 1 : 0, low, high, ~low, ~high] + block
  } while !rest.isEmpty
  return result
}

func fourBytes(_ number: Int) -> [UInt8] {
  (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
}
func twoBytes(_ number: Int) -> [UInt8] { Array(fourBytes(number).prefix(2)) }

/// A zip file of one entry with any method and sizes, true or not.
func zip(
  _ name: String, _ stored: [UInt8], method: Int, size: Int, checksum: UInt32, flags: Int = 0
) -> [UInt8] {
  let path = Array(name.utf8)
  let common =
    twoBytes(20) + twoBytes(flags) + twoBytes(method) + fourBytes(0) + fourBytes(Int(checksum))
    + fourBytes(stored.count) + fourBytes(size) + twoBytes(path.count)
  let local = fourBytes(0x0403_4b50) + common + twoBytes(0) + path + stored
  let directory =
    fourBytes(0x0201_4b50) + twoBytes(20) + common + [UInt8](repeating: 0, count: 12) + fourBytes(0)
    + path
  return local + directory + fourBytes(0x0605_4b50) + fourBytes(0) + twoBytes(1) + twoBytes(1)
    + fourBytes(directory.count) + fourBytes(local.count) + twoBytes(0)
}

/// The bytes of an IDX file of u8.
func idx(_ shape: [Int], _ data: [UInt8]) -> [UInt8] {
  [0, 0, 8, UInt8(shape.count)] + shape.flatMap { fourBytes($0).reversed() } + data
}

/// A folder of its own, removed with its last user.
final class ScratchFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "qat-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let url = URL(filePath: path).appending(path: name)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
    return url.path
  }
}
