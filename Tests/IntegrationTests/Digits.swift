import Foundation
import QAT

/// The part of MNIST in Tests/Fixtures: 2,000 images to train on, 1,000 to test with.
enum Digits {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures/mnist").path

  static func load(_ split: DataSplit, limit: Int? = nil) throws -> any DataSet {
    var source = DataSource(.mnist(folder: folder))
    source.split = split
    source.limit = limit
    return try source.load()
  }

  /// The net of `digitNet`, trained in float once for all tests that need one.
  static let trained = Result { () throws -> Graph in
    var graph = try digitNet(), context = PassContext()
    let passes = try Pipeline("canonicalize,make-trainable", registry: .withPipelines)
    try passes.run(on: &graph, &context)
    var trainer = Trainer()
    (trainer.epochs, trainer.batchSize, trainer.seed) = (6, 32, 1)
    (trainer.learningRate, trainer.schedule) = (0.05, .cosine)
    let step = try TrainingStep(graph)
    try trainer.train(step, on: load(.train))
    graph = step.evaluationGraph
    try Pipeline("freeze", registry: .withPipelines).run(on: &graph, &context)
    return graph
  }

  /// Calibration batches for a graph on these images.
  static func calibration(_ graph: Graph, batches: Int = 8) throws -> CalibrationData {
    CalibrationData(
      data: try load(.train).bound(to: graph.modelFields), batchSize: 32, batches: batches)
  }
}

/// A file in the system's folder for temporary ones.
func temporaryPath(_ name: String) -> String {
  FileManager.default.temporaryDirectory.path + "/swift-qat-\(UUID().uuidString)-\(name)"
}
