import Foundation
import Testing

// The text between the two marks is quoted in README.md; the suite below runs it and holds the two
// together.

// example: tour
import QAT

/// From a float model to one of integers. `folder` holds digits.onnx, `mnist` the data.
func tour(_ folder: String, mnist: String) throws -> (lost: Double?, scores: AnyTensor) {
  let float = try GraphFiles.read("\(folder)/digits.onnx")
  let train = try DataSource("mnist:\(mnist)").load()  // or a type of yours: DataSet
  let test = try DataSource("mnist:\(mnist)?split=test").load()

  // How each layer is quantized; QuantizationConfig(yaml:) reads the same from text.
  var config = QuantizationConfig.recommended
  config.weights?.bits = 3
  config.weights?.quantizer = .lsq
  config.layers = [LayerRule(.first, weights: .settings(TensorSettings(bits: 8)))]

  // Quantized after training, in one call; and compared: accuracy, signal against noise by value.
  let rounded = try quantizeModel(float, calibration: train, config: config)
  let comparison = try compareQuantized(float, rounded.graph, on: test)
  print(comparison, comparison.drop ?? 0)

  // Quantized in training: quantizers are put in, and the optimizer works on what they round.
  var preparer = QATPreparer(config, calibration: try CalibrationData(train, for: float))
  let step = try TrainingStep(preparer.prepareForQAT(float))  // TrainingOptions: loss, optimizer, …
  try step.addBackwardHook(on: "dense.weight") { gradient in
    if gradient.value.doubles?.contains(where: \.isNaN) == true { print("\(gradient.name): NaN") }
  }
  let telemetry = try Telemetry(of: step, every: 10)
  var trainer = Trainer()
  (trainer.epochs, trainer.learningRate, trainer.schedule) = (2, 0.01, .cosine)
  trainer.checkpoint = "\(folder)/run.qat"
  trainer.stepLimit = 100  // the run is interrupted here …
  try trainer.train(step, on: train, validation: test)
  try telemetry.write(to: "\(folder)/telemetry.npz")

  let saved = try Checkpoint(path: "\(folder)/run.qat")  // … and goes on, to the same bits
  let resumed = try TrainingStep(saved.graph())
  trainer.stepLimit = nil
  try trainer.train(resumed, on: train, validation: test, resume: saved) { progress in
    if let epoch = progress.record { print(epoch.loss, epoch.validation?.accuracy ?? 0) }
  }
  let trained = try preparer.convertToQuantized(resumed.evaluationGraph, to: .qoperator)
  print(try preparer.statistics(of: resumed.evaluationGraph))  // each grid, scale and zero point
  try GraphFiles.write(trained, to: "\(folder)/digits.int8.onnx")

  // Runs on integers wherever the model has them; .float simulates, .integer insists.
  let session = try Session(GraphFiles.read("\(folder)/digits.int8.onnx"), mode: .auto)
  let images = try test.bound(to: float.modelFields).batch(Array(0..<100)).inputs
  try session.addHook(on: "logits") { print($0.value.shape) }
  let scores = try session.run(images)[0]

  // Observers are values; Calibrator lets them look at any value of a graph.
  var calibrator = try Calibrator(
    float, observers: ["conv1": PercentileObserver(99.9), "logits": MinMaxObserver()])
  try calibrator.observe(images)
  print(calibrator.ranges["conv1"] ?? [])

  let evaluator = Evaluator()  // accuracy and loss; changes nothing
  return (try evaluator.accuracy(float, test) - evaluator.accuracy(trained, test), scores)
}
// end of example

@Suite("Examples of the README")
struct ReadmeExampleTests {
  @Test("the tour gives a model of integers that loses next to nothing") func run() throws {
    let folder = temporaryPath("tour")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let float = try Digits.trained.get()
    try GraphFiles.write(float, to: "\(folder)/digits.onnx")
    let (lost, scores) = try tour(folder, mnist: Digits.folder)
    #expect(try #require(lost) < 0.015)

    let test = try Digits.load(.test, limit: 100)
    let labels = try #require(test.batch(Array(0..<100)).labels?.integers)
    let rows = scores.floats
    let hits = labels.indices.count { row in
      (0..<10).max { rows[row * 10 + $0] < rows[row * 10 + $1] } == labels[row]
    }
    #expect(scores.shape == [100, 10] && hits >= 90)

    // What was written is what was run: three-bit codes behind a first layer of eight bits.
    let model = try GraphFiles.read("\(folder)/digits.int8.onnx")
    let inputs = try test.bound(to: model.modelFields).batch(Array(0..<100)).inputs
    #expect(try Session(model).run(inputs) == [scores])
    #expect(try model.codes(ofProduct: 0).integers?.contains { abs($0) > 4 } == true)
    for product in [1, 2] {
      let codes = try #require(model.codes(ofProduct: product).integers)
      #expect(codes.allSatisfy { abs($0) <= 3 } && codes.contains { abs($0) == 3 })
    }

    // The interrupted run ended where one without a break does.
    let saved = try Checkpoint(path: "\(folder)/run.qat")
    #expect(saved.step == 126 && saved.history.count == 2)
    var trainer = Trainer()
    (trainer.epochs, trainer.learningRate, trainer.schedule) = (2, 0.01, .cosine)
    var config = QuantizationConfig.recommended
    config.weights?.bits = 3
    config.weights?.quantizer = .lsq
    config.layers = [LayerRule(.first, weights: .settings(TensorSettings(bits: 8)))]
    let train = try Digits.load(.train)
    var preparer = QATPreparer(config, calibration: try CalibrationData(train, for: float))
    let step = try TrainingStep(preparer.prepareForQAT(float))
    try trainer.train(step, on: train)
    #expect(step.variables == saved.variables)
    let arrays = try NPZ.read("\(folder)/telemetry.npz")
    #expect(arrays["step"]?.integers == Array(stride(from: 0, to: 100, by: 10)))
  }

  /// Where examples are, by the name that README.md gives them.
  private static let sources = [
    "tour": "Tests/IntegrationTests/ReadmeExample.swift",
    "tensors": "Tests/QATTests/TensorExample.swift",
  ]

  /// The lines between two marks.
  private func part(_ text: String, from start: String, to end: String) throws -> String {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let first = try #require(lines.firstIndex { $0 == start }, "no line '\(start)'")
    let last = try #require(lines[first...].firstIndex { $0 == end }, "no line '\(end)'")
    return lines[(first + 1)..<last].joined(separator: "\n")
  }

  @Test("README.md shows what is compiled and run", arguments: sources.keys.sorted())
  func quoted(_ name: String) throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    func read(_ path: String) throws -> String {
      try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }
    let source = try part(
      read(#require(Self.sources[name])), from: "// example: \(name)", to: "// end of example")
    let shown = try part(
      read("README.md"), from: "<!-- example \(name) -->", to: "<!-- /example -->")
    let indented = source.split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.isEmpty ? "" : "    \($0)" }.joined(separator: "\n")
    #expect(shown == "\n\(indented)\n")
  }

  @Test("no example of README.md is another one") func all() throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "README.md")
    let names = try String(contentsOf: path, encoding: .utf8).split(separator: "\n")
      .filter { $0.hasPrefix("<!-- example ") }.map { $0.dropFirst(13).dropLast(4) }
    #expect(names.map(String.init).sorted() == Self.sources.keys.sorted())
  }
}
