import QATConfig
import QATCore
import QATIR
import QATPasses
import QATRewrite

/// Takes a float model through the pipelines of quantization: prepared for training, converted after
/// it, or quantized without any.
///
///     var preparer = QATPreparer(.recommended, calibration: data)
///     let prepared = try preparer.prepareForQAT(graph)
///     let step = try TrainingStep(prepared)                 // … and training
///     let model = try preparer.convertToQuantized(step.evaluationGraph)
///     print(try preparer.statistics(of: prepared))
///
/// The work is done by the named pipelines `qat-prepare`, `qat-finish`, `ptq` and those of the forms.
public struct QATPreparer: Sendable {
  /// What passes read: the configuration, the calibration data, anything else they look for.
  public var context: PassContext
  /// Where the pipelines and their passes are looked up.
  public var passes: PassRegistry
  /// Watch the pipelines.
  public var instruments: [any PassInstrument] = []

  /// - Parameter calibration: what the ranges of activations are observed on, by the methods that
  ///   insert quantizers.
  public init(
    _ config: QuantizationConfig = .recommended, calibration: CalibrationData? = nil,
    passes: PassRegistry = .withPipelines
  ) {
    var context = PassContext()
    context[QuantizationConfig.self] = config
    context[CalibrationData.self] = calibration
    self.init(context: context, passes: passes)
  }

  public init(
    context: PassContext, passes: PassRegistry = .withPipelines,
    instruments: [any PassInstrument] = []
  ) {
    self.context = context
    self.passes = passes
    self.instruments = instruments
  }

  /// How the model is quantized; `recommended` where the context says nothing.
  public var config: QuantizationConfig {
    get { context[QuantizationConfig.self] ?? .recommended }
    set { context[QuantizationConfig.self] = newValue }
  }

  /// What the passes had to say so far.
  public var remarks: [Remark] { context.remarks }

  /// A float model with fake-quantizers whose ranges are observed and whose parameters are variables.
  ///
  /// - Parameter form: what it is going to become; only those that observe activations have their
  ///   quantizers.
  /// - Throws: `configuration` for rules that match nothing or contradict each other, `unsupported`
  ///   for what the target can't take, `invalid-data` without calibration data.
  public mutating func prepareForQAT(
    _ graph: Graph, for form: QuantizedForm = .qdq
  ) throws(Diagnostic) -> Graph {
    try run(form.preparation(passes), on: graph)
  }

  /// A prepared model, trained or not, with its fake-quantizers frozen and lowered.
  public mutating func convertToQuantized(
    _ graph: Graph, to form: QuantizedForm = .qdq
  ) throws(Diagnostic) -> Graph {
    let text = form == .fakeQuantized ? "qat-finish" : "qat-finish,\(form.lowering)"
    return try run(Pipeline(text, registry: passes), on: graph)
  }

  /// A float model quantized without training.
  ///
  /// - Throws: as `prepareForQAT`.
  public mutating func quantize(
    _ graph: Graph, to form: QuantizedForm = .qdq
  ) throws(Diagnostic) -> Graph {
    try run(Pipeline(form.postTraining, registry: passes), on: graph)
  }

  /// The quantizers of a graph at any of these stages. O(size of the parameters).
  public func statistics(of graph: Graph) throws(Diagnostic) -> QuantizationStatistics {
    try QuantizationStatistics(of: graph)
  }

  /// Runs passes of the caller's over a graph, with what this preparer knows.
  public mutating func run(_ pipeline: Pipeline, on graph: Graph) throws(Diagnostic) -> Graph {
    var result = graph
    try pipeline.run(on: &result, &context, instruments: instruments)
    return result
  }
}
