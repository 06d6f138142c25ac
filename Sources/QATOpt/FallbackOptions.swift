import ArgumentParser
import QAT

extension Progress {
  /// Shows on a terminal how many layers are measured.
  static func showMeasuring(_ done: Int, _ all: Int) {
    guard Terminal.isInteractive else { return }
    Terminal.show("\rmeasuring \(done + 1)/\(all)" + (done + 1 == all ? "\n" : ""))
  }
}

/// Giving bits back until little enough accuracy is lost.
struct FallbackOptions: ParsableArguments {
  @Option(
    help:
      "Points of accuracy to lose at most, on --validation: layers get more bits, then float, the most sensitive first."
  )
  var maxDrop: Double?
  @Option(help: "Widths that --max-drop tries in front of float.") var fallbackBits = "w8a8"
  @Option(help: "Where the configuration goes that --max-drop ends with; printed where left out.")
  var writeConfig: String?

  /// Quantizes again and again until the drop is met.
  ///
  /// - Parameters:
  ///   - form: what the model becomes.
  ///   - quantize: makes the model of a configuration.
  func search(
    _ graph: Graph, _ context: PassContext, to form: QuantizedForm, validation: String,
    training: TrainOptions,
    quantize: (QuantizationConfig) throws(Diagnostic) -> Graph
  ) throws(Diagnostic) -> Graph {
    let widths = try LayerWidth.list(fallbackBits)
    let data = try load(validation, for: graph, split: .test)
    let evaluator = Evaluator(threads: training.threads)
    let floatAccuracy = try evaluator.accuracy(graph, data)
    let preparer = QATPreparer(context: context, passes: QatOpt.tools.passes)
    let fallback = AccuracyFallback(maxDrop: maxDrop ?? 0, widths: widths)
    let outcome = try fallback.run(
      from: preparer.config, floatAccuracy: floatAccuracy,
      sensitivities: { () throws(Diagnostic) in
        var options = SensitivityOptions()
        options.form = form
        options.seed = training.seed ?? 0
        options.evaluator = evaluator
        options.progress = Progress.showMeasuring
        let configured = try preparer.sensitivity(of: graph, on: data, options)
        options.widths = widths
        let wider = try preparer.sensitivity(of: graph, on: data, options)
        return SensitivityTable(
          entries: configured.entries + wider.entries, floatScore: configured.floatScore)
      },
      quantize: quantize,
      accuracy: { graph throws(Diagnostic) in try evaluator.accuracy(graph, data) },
      progress: { Terminal.error("\($0)") })
    Terminal.error(
      "accuracy \(fixed(100 * outcome.accuracy, 2)) % (float: \(fixed(100 * floatAccuracy, 2)) %) "
        + "after \(outcome.steps.count) fallbacks")
    if let writeConfig {
      try AtomicFile.write(text: outcome.config.yaml, to: writeConfig)
    } else {
      Terminal.write(outcome.config.yaml)
    }
    return outcome.graph
  }
}
