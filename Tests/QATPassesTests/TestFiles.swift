import Foundation

/// A folder of the repository, from its root.
func repositoryFolder(_ path: String) -> URL {
  let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  return tests.deletingLastPathComponent().appending(path: path)
}

/// The files of a folder with that extension: names without it, in order.
func stems(in folder: String, extension ending: String) throws -> [String] {
  try FileManager.default.contentsOfDirectory(
    at: repositoryFolder(folder), includingPropertiesForKeys: nil
  )
  .filter { $0.pathExtension == ending }.map { $0.deletingPathExtension().lastPathComponent }
  .sorted()
}

func contents(_ path: String) throws -> String {
  try String(contentsOf: repositoryFolder(path), encoding: .utf8)
}
