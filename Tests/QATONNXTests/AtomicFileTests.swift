import Foundation
import QATCore
import QATONNX
import Testing

@Suite("A file that is written")
struct AtomicFileTests {
  @Test("goes through a link, keeps the mode, and leaves nothing else behind")
  func target() throws {
    try withTemporaryFolder { folder in
      let real = folder + "/real", link = folder + "/link"
      try AtomicFile.write([1], to: real)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: real)
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "real")
      try AtomicFile.write([2], to: link)
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "real")
      #expect(FileManager.default.contents(atPath: real) == Data([2]))
      let mode = try FileManager.default.attributesOfItem(atPath: real)[.posixPermissions]
      #expect(mode as? Int == 0o600)
      let left = try contents(of: folder)
      #expect(left.sorted() == ["link", "real"])
    }
  }

  @Test("never writes through a link that stands where its temporary file would")
  func plantedLink() throws {
    try withTemporaryFolder { folder in
      let victim = folder + "/victim", target = folder + "/model.onnx"
      try AtomicFile.write([7], to: victim)
      try FileManager.default.createSymbolicLink(
        atPath: "\(target).\(ProcessInfo.processInfo.processIdentifier).tmp",
        withDestinationPath: victim)
      try AtomicFile.write([8], to: target)
      #expect(FileManager.default.contents(atPath: victim) == Data([7]))
      #expect(FileManager.default.contents(atPath: target) == Data([8]))
    }
  }

  @Test("says why it could not be", arguments: ["/dev/full", "missing/model.onnx", "."])
  func failure(_ path: String) throws {
    try withTemporaryFolder { folder in
      #expect {
        try AtomicFile.write([1], to: path.hasPrefix("/") ? path : "\(folder)/\(path)")
      } throws: { ($0 as? Diagnostic)?.code == .io }
      let left = try contents(of: folder)
      #expect(left.isEmpty)
    }
  }
}
