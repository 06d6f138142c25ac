import Foundation
import QATCore
import QATONNX
import QATTraining
import Testing

@Suite("Checkpoints")
struct CheckpointTests {
  private var sample: Checkpoint {
    var checkpoint = Checkpoint()
    (checkpoint.step, checkpoint.epoch, checkpoint.batch) = (1000, 3, 7)
    checkpoint.loader = [1, 3, .max, 5, 1 << 63, 7, 8]
    checkpoint.variables = [
      "w": AnyTensor(shape: [3, 40], (0..<120).map { Float($0) / 7 }),
      "step": AnyTensor(Int64(1000)),
      "empty": AnyTensor(shape: [0], [Float]()), "s": AnyTensor(Float(-0.0)),
    ]
    checkpoint.options = "epochs=3"
    checkpoint.pipeline = "differentiate"
    checkpoint.history = [
      EpochRecord(epoch: 1, steps: 10, loss: 0.1 + 0.2),
      EpochRecord(
        epoch: 2, steps: 20, loss: 1e-300,
        validation: Metrics(loss: 1.0 / 3, accuracy: nil, count: 4)),
    ]
    (checkpoint.lossSum, checkpoint.samples) = (1.0 / 7, 3)
    checkpoint.settings = ["epochs": "3", "config": ""]
    return checkpoint
  }

  private func bytes() throws -> [UInt8] {
    let path = temporaryPath("whole.ckpt")
    try sample.write(to: path)
    #expect(try Checkpoint(path: path) == sample)
    let file = try CheckpointFile(path: path)
    #expect(file.step == 1000 && file.toolVersion == Checkpoint.currentToolVersion)
    return try Array(Data(contentsOf: URL(filePath: path)))
  }

  @Test("read back as written, and refuse every shorter file") func truncation() throws {
    let whole = try bytes()
    for length in 0..<whole.count {
      let error = #expect(throws: Diagnostic.self) {
        try CheckpointFile(TensorStorage(bytes: Array(whole[..<length])))
      }
      #expect(error?.code == .malformedFile)
    }
  }

  @Test("never crash on a changed byte") func mutation() throws {
    let whole = try bytes(), path = temporaryPath("mutated.ckpt")
    for index in stride(from: 0, to: whole.count, by: 3) {
      var changed = whole
      changed[index] ^= 0xff
      _ = try? CheckpointFile(TensorStorage(bytes: changed))
    }
    try AtomicFile.write(Array(whole.dropLast()), to: path)
    let error = #expect(throws: Diagnostic.self) { try Checkpoint(path: path) }
    #expect(error?.description.contains(path) == true)
  }

  @Test("hold a graph whose large contents stand beside it") func graph() throws {
    var checkpoint = sample, graph = try convNet()
    #expect(throws: Diagnostic.self) { try checkpoint.graph() }
    checkpoint.setGraph(graph)
    #expect(!checkpoint.graphText.contains("dense<") && checkpoint.graphText.utf8.count < 2000)
    checkpoint.variables = [:]
    let missing = #expect(throws: Diagnostic.self) { try checkpoint.graph() }
    #expect(missing?.code == .malformedFile)
    for id in graph.variables { checkpoint.variables[graph[id].name] = graph[id].variable }
    let path = temporaryPath("graph.ckpt")
    try checkpoint.write(to: path)
    #expect(try Checkpoint(path: path).graph() == graph)
    let id = try #require(graph.value(named: "dense.weight"))
    graph.define(id, as: .constant(try #require(graph[id].variable)))
    checkpoint.setGraph(graph)
    #expect(Array(checkpoint.constants.keys) == ["dense.weight"])
    #expect(try checkpoint.graph() == graph)
  }

  @Test("of a newer format are refused") func newer() throws {
    let error = #expect(throws: Diagnostic.self) {
      try CheckpointFile(TensorStorage(bytes: Array(bytes().dropLast()) + [2]))
    }
    #expect(error?.code == .unsupported)
  }

  @Test("that do not exist, or can't be written, say so") func io() {
    let missing = #expect(throws: Diagnostic.self) { try Checkpoint(path: "/nowhere/a.ckpt") }
    let unwritable = #expect(throws: Diagnostic.self) { try sample.write(to: "/nowhere/a.ckpt") }
    #expect(missing?.code == .io && unwritable?.code == .io)
  }
}
