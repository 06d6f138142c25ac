import QATConfig
import QATCore
import QATData
import QATIR
import QATPasses
import QATRewrite
import QATRuntime
import QATTraining

/// The samples that sensitivities are measured on, and how.
public struct SensitivityOptions: Sendable {
  /// What the model is to become: where its activations are not observed, layers are measured with
  /// their weights alone on grids, and without calibration.
  public var form = QuantizedForm.qdq
  /// Widths to give each layer; none stands for those of the configuration.
  public var widths: [LayerWidth] = []
  /// Samples at most; 0 for all.
  public var samples = 1000
  /// Decides which samples, where there are more.
  public var seed: UInt64 = 0
  /// Counts the accuracy.
  public var evaluator = Evaluator()
  /// Called with the measurements done and all there are.
  public var progress: @Sendable (_ done: Int, _ all: Int) -> Void = { _, _ in }

  public init() {}
}

extension QATPreparer {
  /// Measures how much each layer costs when it alone is quantized: the noise at the outputs, and with
  /// labels the accuracy lost.
  ///
  /// One calibration a width serves all layers. The same seed gives the same table, on any number of
  /// threads.
  public func sensitivity(
    of graph: Graph, on data: any DataSet, _ options: SensitivityOptions = .init()
  ) throws(Diagnostic) -> SensitivityTable {
    let layers = try withLayerSettings(graph, for: options.form)
    let part = data.seededPart(of: options.samples, seed: options.seed)
    let widths = options.widths.isEmpty ? [nil] : options.widths.map { LayerWidth?.some($0) }
    return try SensitivityTable(
      of: layers, widths: widths, context, progress: options.progress
    ) { graph throws(Diagnostic) in
      var outputs: [[AnyTensor]] = []
      let metrics = try options.evaluator.evaluate(
        Session(graph, threads: options.evaluator.threads), part
      ) { batch in outputs.append(batch) }
      return Probe(outputs: outputs, score: metrics.accuracy)
    }
  }

  /// Gives each layer a width of its own by the pass `assign-bits`, from sensitivities that are there.
  ///
  /// - Parameters:
  ///   - pass: the budget; its widths must be those of the table.
  ///   - validation: labelled data that a budget of accuracy is measured on.
  /// - Returns: the widths; `applied(to: config)` makes a configuration of them.
  public mutating func assignBits(
    of graph: Graph, _ table: SensitivityTable, _ pass: AssignBits,
    validation: (any DataSet)? = nil, evaluator: Evaluator = Evaluator()
  ) throws(Diagnostic) -> BitAssignment {
    var layers = try withLayerSettings(graph)
    context[SensitivityTable.self] = table
    if let validation {
      context[ModelScore.self] = ModelScore { graph throws(Diagnostic) in
        try evaluator.accuracy(graph, validation)
      }
    }
    try Pipeline([pass]).run(on: &layers, &context, instruments: instruments)
    guard let assignment = context[BitAssignment.self] else {
      throw Diagnostic(.invalidGraph, "assign-bits left no assignment")
    }
    return assignment
  }

  /// The graph as `ptq` quantizes it, up to and with the notes of `apply-layer-config`.
  private func withLayerSettings(
    _ graph: Graph, for form: QuantizedForm = .qdq
  ) throws(Diagnostic) -> Graph {
    let whole = form.observing(try Pipeline("ptq", registry: passes)).passes
    let last = whole.lastIndex { $0 is ApplyLayerConfig } ?? whole.count - 1
    var result = graph, context = context
    try Pipeline(Array(whole[...last])).run(on: &result, &context, instruments: instruments)
    return result
  }
}

extension Evaluator {
  /// The share of samples whose largest output is that of their label, run as the integer regions of
  /// the graph are.
  ///
  /// - Throws: `invalid-data` where the data has no class numbers.
  public func accuracy(_ graph: Graph, _ data: any DataSet) throws(Diagnostic) -> Double {
    guard let accuracy = try evaluate(graph.formingIntegerRegions(), data).accuracy else {
      throw Diagnostic(
        .invalidData, "the data has no class numbers", hint: "an .npz holds them as 'labels'")
    }
    return accuracy
  }
}

extension DataSet {
  /// Some samples, drawn by a seed, in their order; all where there are no more, or `count` is 0.
  public func seededPart(of count: Int, seed: UInt64) -> any DataSet {
    guard count > 0, count < self.count else { return self }
    var random = RandomSource(seed: seed)
    return SubsetDataSet(self, random.permutation(of: self.count).prefix(count).sorted())
  }
}
