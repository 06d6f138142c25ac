import Foundation
import QAT
import Testing

/// Inputs that once ended in a trap, a hang or too much memory: found by `scripts/fuzz` or made by hand.
@Suite("What fuzzing has found")
struct FuzzCorpusTests {
  @Test("is a model that is read and written, or refused", arguments: files("onnx"))
  func model(_ file: URL) throws {
    let bytes = try Array(Data(contentsOf: file))
    guard let graph = try? Importer.graph(of: ModelFile(TensorStorage(bytes: bytes))) else {
      return
    }
    try graph.verify()
    try? Exporter.write(graph, to: "/dev/null")
  }

  @Test("is a text that prints and parses back, or is refused", arguments: files("qir"))
  func text(_ file: URL) throws {
    guard let text = try? String(contentsOf: file, encoding: .utf8),
      let graph = try? Graph(text: text)
    else { return }
    #expect(try Graph(text: graph.text()) == graph)
    try? Exporter.write(graph, to: "/dev/null")
  }

  @Test("is a configuration that is written as it was read, or refused", arguments: files("config"))
  func configuration(_ file: URL) throws {
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { return }
    if let config = try? QuantizationConfig(yaml: text) {
      #expect(try QuantizationConfig(yaml: config.yaml).yaml == config.yaml)
    }
    _ = try? CalibrationTable(yaml: text)
  }

  @Test("is data that is read or refused", arguments: files("data"))
  func data(_ file: URL) throws {
    let bytes = try Array(Data(contentsOf: file))
    _ = try? NPY.decode(bytes)
    _ = try? NPZ.decode(bytes)
    _ = try? IDX.decode(bytes)
    _ = try? CheckpointFile(TensorStorage(bytes: bytes))
  }

  private static func files(_ kind: String) -> [URL] {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let folder = tests.appending(path: "Fixtures/fuzz/\(kind)")
    let found = try? FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil)
    return (found ?? []).sorted { $0.path < $1.path }
  }
}
