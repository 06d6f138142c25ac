import Foundation
import QAT
import QATCore
import Testing

/// Weights of a mapped file stay there, also through the fold of a batch-norm.
@Suite("Weights of a mapped file")
struct FoldedWeightsTests {
  /// A convolution of 64 x 64 filters with its batch-norm.
  private func graph(nameLength: Int) throws -> Graph {
    let channels = 64
    func vector(_ name: String, _ value: (Int) -> Float, _ graph: inout Graph) -> ValueID {
      graph.addConstant(name, AnyTensor(shape: [channels], (0..<channels).map(value)))
    }
    // Its length decides how the weight is aligned in the file.
    var graph = Graph(name: String(repeating: "g", count: nameLength))
    let x = graph.addInput("x", TensorType(.f32, [1, Dimension(channels), 5, 5]))
    let numbers = (0..<channels * channels * 9).map { Float($0 % 1013 - 500) / 4096 }
    let w = graph.addConstant("w", AnyTensor(shape: [channels, channels, 3, 3], numbers))
    let conv = try graph.addNode(Conv(), [x, w], name: "conv")
    let norm = try graph.addNode(
      BatchNormalization(),
      [
        graph[conv].result, vector("gamma", { Float($0 + 1) / 7 }, &graph),
        vector("beta", { Float($0) }, &graph), vector("mean", { Float($0) / 3 }, &graph),
        vector("variance", { Float($0 + 2) }, &graph),
      ], name: "norm")
    graph.setOutputs([graph[norm].result])
    return graph
  }

  @Test("have the values of those in memory, wherever they stand", arguments: 1...4)
  func fold(_ nameLength: Int) throws {
    let folder = FileManager.default.temporaryDirectory.path + "/swift-qat-\(UUID())"
    try FileSystem.makeFolder(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let passes = try Pipeline("fold-batchnorm,fold-constants", registry: .builtin)
    var context = PassContext()
    var wanted = try graph(nameLength: nameLength)
    try GraphFiles.write(wanted, to: folder + "/m.onnx")
    var mapped = try Importer.graph(contentsOf: folder + "/m.onnx")
    try passes.run(on: &wanted, &context)
    try passes.run(on: &mapped, &context)

    let weight = try #require(
      mapped.constants.compactMap { mapped[$0].constant }.first { $0.shape.count == 4 })
    #expect(weight.storage is DerivedStorage)
    #expect(mapped == wanted)
    // Streamed into a file, over the one that it comes from.
    try GraphFiles.write(mapped, to: folder + "/m.onnx")
    #expect(try Importer.graph(contentsOf: folder + "/m.onnx") == wanted)
    try GraphFiles.write(mapped, to: folder + "/m.onnx", externalData: .beside)
    #expect(try Importer.graph(contentsOf: folder + "/m.onnx") == wanted)
    let x = AnyTensor(shape: [1, 64, 5, 5], (0..<1600).map { Float($0 % 17) })
    let outputs = try Session(mapped).run(["x": x])
    #expect(try Session(wanted).run(["x": x]) == outputs)
  }
}
