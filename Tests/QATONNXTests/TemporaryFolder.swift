import Foundation

/// Runs `body` with the path of a new folder, and removes the folder.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appending(
    path: "qat-onnx-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.path)
}

func contents(of folder: String) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: folder)
}
