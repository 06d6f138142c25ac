import ArgumentParser
import QAT

/// `qat-opt demo`: the whole way on the embedded digits, in under a minute.
struct DemoCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo", abstract: "Train, quantize, lower and compare on embedded digits.")

  @Option(help: "Where the ONNX files go.") var output = "demo-output"
  @Option(help: "Decides weights and order.") var seed: UInt64 = 1

  /// A row of the table: a width of weights and activations.
  private struct Width {
    let weights: Int, activations: Int
    var name: String { "W\(weights)A\(activations)" }
  }

  func execute() throws(Diagnostic) {
    try FileSystem.makeFolder(output)
    let train = try load("digits?split=train", for: DemoModel.graph(seed: seed))
    let test = try load("digits?split=test", for: DemoModel.graph(seed: seed))
    Terminal.error("training in float on \(train.count) digits")
    let float = try trainFloat(on: train)
    let floatPath = "\(output)/digits.float.onnx"
    try GraphFiles.write(float, to: floatPath)
    let floatAccuracy = try accuracy(float, test)
    let floatSpeed = try imagesPerSecond(float, test)
    var rows = [["", "PTQ", "QAT", "integers", "equal codes", "file", "images/s"]]
    rows.append([
      "float", "", percent(floatAccuracy), "", "", "\(try FileSystem.size(of: floatPath)) B",
      "\(floatSpeed)",
    ])
    for width in [
      Width(weights: 8, activations: 8), Width(weights: 4, activations: 4),
      Width(weights: 2, activations: 4),
    ] {
      rows.append(try row(width, float, train, test))
    }
    Terminal.print(table(rows))
    Terminal.print(
      "\nAccuracy on \(test.count) test digits; 'integers' is the lowered model run on integer kernels;"
    )
    Terminal.print(
      "'equal codes' compares it with the fake-quantized model. The ONNX files are in \(output)/.")
  }

  private func row(
    _ width: Width, _ float: Graph, _ train: BoundDataSet, _ test: BoundDataSet
  ) throws(Diagnostic) -> [String] {
    Terminal.error("\(width.name): calibrating, then training with fake-quantizers")
    var config = QuantizationConfig.recommended
    config.weights?.bits = width.weights
    config.activations?.bits = width.activations
    var preparer = QATPreparer(
      config, calibration: CalibrationData(data: train, batchSize: 64, batches: 8),
      passes: QatOpt.tools.passes)
    let ptqAccuracy = try accuracy(preparer.quantize(float, to: .fakeQuantized), test)

    let prepared = try preparer.prepareForQAT(float)
    let trained = try fit(prepared, on: train, epochs: 15, rate: 0.02)
    let qat = try preparer.convertToQuantized(trained, to: .fakeQuantized)
    let qatAccuracy = try accuracy(qat, test)

    let path = "\(output)/digits.\(width.name).qoperator.onnx"
    try GraphFiles.write(try preparer.convertToQuantized(trained, to: .qoperator), to: path)
    try GraphFiles.write(
      try preparer.convertToQuantized(trained, to: .qdq),
      to: "\(output)/digits.\(width.name).qdq.onnx")
    let deployed = try GraphFiles.read(path)
    return [
      width.name, percent(ptqAccuracy), percent(qatAccuracy), percent(try accuracy(deployed, test)),
      try equality(qat, deployed, test), "\(try FileSystem.size(of: path)) B",
      "\(try imagesPerSecond(deployed, test))",
    ]
  }

  private func trainFloat(on data: BoundDataSet) throws(Diagnostic) -> Graph {
    var graph = try DemoModel.graph(seed: seed)
    var context = PassContext(registry: QatOpt.tools.ops)
    try MakeTrainable().run(on: &graph, &context)
    graph = try fit(graph, on: data, epochs: 30, rate: 0.05)
    try Freeze().run(on: &graph, &context)
    return graph
  }

  private func fit(_ graph: Graph, on data: BoundDataSet, epochs: Int, rate: Float)
    throws(Diagnostic) -> Graph
  {
    var options = TrainingOptions()
    options.optimizer.weightDecay = 0.0005
    let step = try TrainingStep(graph, options)
    var trainer = Trainer()
    trainer.epochs = epochs
    trainer.batchSize = 32
    trainer.seed = seed
    trainer.learningRate = rate
    trainer.schedule = .cosine
    try trainer.train(step, on: data)
    return step.evaluationGraph
  }

  private func accuracy(_ graph: Graph, _ data: BoundDataSet) throws(Diagnostic) -> Double {
    try Evaluator().evaluate(graph, data).accuracy ?? 0
  }

  /// The share of outputs that are the same number, and the largest distance in codes of the rest.
  private func equality(_ a: Graph, _ b: Graph, _ data: BoundDataSet) throws(Diagnostic) -> String {
    guard let outputs = try compareQuantized(a, b, on: data).outputs.first else { return "?" }
    return percent(outputs.comparison.equalShare)
  }

  /// Images a second in batches of 64, the median of nine runs over the data.
  private func imagesPerSecond(_ graph: Graph, _ data: BoundDataSet) throws(Diagnostic) -> Int {
    let session = try Session(graph)
    let batch = try data.batch(Array(0..<min(64, data.count)))
    let clock = ContinuousClock()
    var times: [Double] = []
    for _ in 0..<12 {
      let start = clock.now
      for _ in 0..<4 { _ = try session.run(batch.inputs) }
      times.append((clock.now - start) / .seconds(1))
    }
    let sorted = times.dropFirst(3).sorted()
    return Int(Double(4 * batch.count) / sorted[sorted.count / 2])
  }

  private func percent(_ share: Double) -> String { fixed(100 * share, 2) + " %" }
}
