import Foundation
import QATIR
import QATPasses
import QATRewrite
import Testing

@Suite("Built-in passes")
struct GoldenTests {
  @Test("turn the first half of a golden file into the second", arguments: try Golden.files())
  func match(_ file: String) throws {
    let goldens = try Golden.cases(file)
    if ProcessInfo.processInfo.environment["UPDATE_GOLDENS"] == "1" {
      try Golden.write(goldens, file)
      return
    }
    for (number, golden) in goldens.enumerated() {
      let outcome = try golden.outcome()
      #expect(outcome == golden.expected, "case \(number + 1) of \(file)")
      guard !outcome.hasPrefix("// error") else { continue }
      #expect(try Graph(text: outcome).text() == outcome, "case \(number + 1) of \(file)")
    }
  }

  @Test("have a golden file each, with a case that changes the graph and one that does not")
  func haveGoldens() throws {
    let files = try Golden.files()
    for pass in PassRegistry.builtin.all {
      #expect(files.contains(pass.name), "\(pass.name) has no golden file")
      guard files.contains(pass.name) else { continue }
      let goldens = try Golden.cases(pass.name).filter { $0.pipeline.contains(pass.name) }
      let unchanged = try goldens.filter {
        try $0.expected.hasPrefix("// error") || Graph(text: $0.before).text() == $0.expected
      }
      #expect(!unchanged.isEmpty, "\(pass.name) has no near miss")
      #expect(
        goldens.count > unchanged.count || pass.effect == .analysis,
        "\(pass.name) has no case that it changes")
    }
  }

  @Test("are the files of the folder, no more and no less")
  func agreeWithFolder() throws {
    let files = try stems(in: "passes", extension: "swift").filter {
      !["BuiltinPasses", "Pipelines"].contains($0)
    }
    let names = PassRegistry.builtin.all.map { $0.name.replacing("-", with: "") }.sorted()
    #expect(files.map { $0.lowercased() }.sorted() == names)
  }
}
