import ArgumentParser
import QAT

/// Data and configuration: what several subcommands take.
struct QuantizationOptions: ParsableArguments {
  @Option(
    help:
      "Calibration data: x.npz, x.npy, a folder of samples, runs:DIR, mnist:DIR, cifar10:DIR, digits, random:N."
  )
  var data: String?
  @Option(help: "A YAML file that says how each layer is quantized.") var config: String?
  @Option(
    help: "A preset: recommended, post-training, default, mobile-optimized, int4-aggressive.")
  var preset: String?
  @Option(help: "Samples in a calibration batch.") var calibrationBatch = 32
  @Option(help: "Calibration batches; 0 for all.") var calibrationBatches = 32

  @Option(help: "Ranges to use instead of observing them: a file of --save-calibration.")
  var calibration: String?
  @Option(help: "A file to write the observed ranges to.") var saveCalibration: String?

  func validate() throws {
    if config != nil && preset != nil {
      throw ValidationError("--config and --preset exclude each other")
    }
    if calibrationBatch < 1 || calibrationBatches < 0 {
      throw ValidationError(
        "--calibration-batch must be 1 or more, --calibration-batches 0 or more")
    }
  }

  /// Puts configuration and data where passes find them.
  /// - Parameter base: the preset that counts where nothing names one; `nil` leaves it to the passes.
  func prepare(
    _ context: inout PassContext, for graph: Graph, base: QuantizationConfig.Preset? = nil
  ) throws(Diagnostic) {
    if let base { context[QuantizationConfig.self] = QuantizationConfig(base) }
    if let config {
      context[QuantizationConfig.self] = try QuantizationConfig(
        contentsOf: config, preset: base ?? .recommended)
    }
    if let preset { context[QuantizationConfig.self] = try QuantizationConfig(presetNamed: preset) }
    if let calibration {
      context[CalibrationTable.self] = try CalibrationTable(contentsOf: calibration)
    }
    guard let data else { return }
    let set = try load(data, for: graph)
    context[CalibrationData.self] = CalibrationData(
      data: set, batchSize: graph.batchSize(calibrationBatch), batches: calibrationBatches)
  }

  /// Writes the ranges that `calibrate` found, where that was asked for.
  func saveRanges(_ context: PassContext) throws(Diagnostic) {
    guard let saveCalibration else { return }
    guard let ranges = context[ObservedRanges.self] else {
      throw Diagnostic(
        .invalidData, "no ranges were observed", at: saveCalibration,
        hint: "the passes hold no calibrate, or the configuration no activations to observe")
    }
    try AtomicFile.write(text: ranges.table.yaml, to: saveCalibration)
  }

  /// Two batches of inputs for `--check-values`: of the data, or random.
  func samples(for graph: Graph) throws(Diagnostic) -> [[String: AnyTensor]] {
    let set = try load(data ?? "random:4", for: graph)
    let half = set.holdsRuns ? 1 : max(1, min(set.count / 2, 4))
    var result = [try set.batch(Array(0..<half)).inputs]
    if set.count >= 2 * half { result.append(try set.batch(Array(half..<2 * half)).inputs) }
    return result
  }
}

/// A data set under the names and types of a model's inputs.
func load(
  _ text: String, for graph: Graph, split: DataSplit = .train
) throws(Diagnostic) -> BoundDataSet {
  let fields = graph.modelFields
  let context = DataSource.Context(inputs: fields, defaultSplit: split) { path throws(Diagnostic) in
    try TensorFile.read(path)
  }
  do throws(Diagnostic) {
    return try DataSource(text).load(context).bound(to: fields)
  } catch { throw error.at("data '\(text)'") }
}
