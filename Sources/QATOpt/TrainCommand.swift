import ArgumentParser
import QAT

/// `qat-opt train MODEL --data DATA`: trains a model in float, or with fake-quantizers.
struct TrainCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a model, in float or quantization-aware.")

  @Argument(help: "The model: .onnx or .qir.") var model: String
  @Option(name: .shortAndLong, help: "Where the trained model goes.") var output: String?
  @Option(help: "Epochs.") var epochs = 1
  @Flag(help: "Train with fake-quantizers; the result still holds them.") var qat = false
  @OptionGroup var quantization: QuantizationOptions
  @OptionGroup var training: TrainOptions
  @OptionGroup var bench: TrainBenchOptions

  func validate() throws {
    if quantization.data == nil && !bench.bench { throw ValidationError("give --data") }
    if output == nil && !bench.bench { throw ValidationError("give --output") }
    if training.distillation.distill && !qat && training.distillation.teacher == nil {
      throw ValidationError(
        "--distill in float needs --teacher: a model has nothing to learn of itself")
    }
    if epochs < 1 { throw ValidationError("--epochs must be 1 or more") }
  }

  func execute() throws(Diagnostic) {
    let tools = QatOpt.tools
    var graph = try GraphFiles.read(model, registry: tools.ops)
    let float = graph
    var context = PassContext(registry: tools.ops)
    var quantization = quantization
    if bench.bench && quantization.data == nil {
      quantization.data = TrainBenchOptions.data(for: graph, batch: training.batch)
    }
    try quantization.prepare(&context, for: graph)
    let data = try load(quantization.data ?? "", for: graph)
    if qat {
      var preparer = QATPreparer(context: context, passes: tools.passes)
      graph = try preparer.prepareForQAT(graph)
      context = preparer.context
    } else {
      try Pipeline(
        "canonicalize,fold-constants,canonicalize,make-trainable", registry: tools.passes
      )
      .run(on: &graph, &context)
    }
    if bench.bench {
      return try bench.run(
        try training.step(graph, float: float), on: data, batch: training.batch)
    }
    try quantization.saveRanges(context)
    let delay = qat ? context[QuantizationConfig.self]?.quantizationDelay ?? 0 : 0
    let (trained, history) = try training.train(
      graph, on: data, epochs: epochs, delay: delay, float: float)
    if let output { try GraphFiles.write(trained, to: output) }
    if let last = history.epochs.last {
      Terminal.print("loss \(fixed(last.loss, 5)) after \(history.steps) steps")
    }
  }
}
