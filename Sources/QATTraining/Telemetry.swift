import QATCore
import QATIR
import QATPasses
import QATRuntime

/// Watches the quantizers of a training step: what they do to values and gradients, step by step.
///
///     let step = try TrainingStep(graph)
///     let telemetry = try Telemetry(of: step, every: 10)
///     try Trainer().train(step, on: data)
///     try telemetry.write(to: "run.npz")
///
/// What is trained does not change, not in a bit. A step that is measured costs a few passes over the
/// quantized tensors; in others, only the codes of weights are looked at, for their oscillations.
public final class Telemetry {
  /// A quantizer that is watched.
  public struct Quantizer: Sendable, Equatable {
    /// The value that it quantizes.
    public let name: String
    /// The grid of its codes: `u8`, `i4n`. In stages with more bits, what is measured is measured on
    /// the grid of the stage.
    public let grid: String
    /// Whether it quantizes what depends on no input: weights.
    public let isWeight: Bool
    /// Scales it has.
    public let channels: Int
  }

  /// What was measured in one step.
  public struct Record: Sendable, Equatable {
    /// From 0.
    public var step: Int
    /// Of the step.
    public var loss: Float
    /// Whether quantizers rounded; before the quantization delay has passed they do not, and the
    /// figures say what they would have done.
    public var quantizes: Bool
    /// In the order of `quantizers`.
    public var measures: [QuantizerMeasure]
  }

  /// All fake-quantizers of the graph, in its order.
  public let quantizers: [Quantizer]
  /// Steps from one that is measured to the next.
  public let every: Int
  /// One a measured step, in order.
  public private(set) var records: [Record] = []

  /// Owns this object while it watches.
  private weak var step: TrainingStep?
  private var hooks: [Hook] = []
  private var index: Int
  private var isMeasuring = false
  private var readings: [QuantizedTensorReading?]
  private var oscillations: [Oscillations]
  /// Oscillations up to the last record.
  private var counted: [Int]

  /// Watches a step from now on, all of its quantizers; `detach` ends it.
  ///
  /// - Parameters:
  ///   - every: measures every so many steps.
  ///   - first: the number of the next step; that of the checkpoint where one is resumed.
  /// - Throws: `invalid-option` for an `every` below 1, or a graph without quantizers.
  public init(of step: TrainingStep, every: Int = 1, first: Int = 0) throws(Diagnostic) {
    let graph = step.graph
    let nodes = graph.nodes.filter { graph[$0].op is FakeQuantize }
    guard every > 0 else {
      throw Diagnostic(.invalidOption, "telemetry of every \(every) steps", hint: "at least 1")
    }
    guard !nodes.isEmpty else {
      throw Diagnostic(
        .invalidOption, "there is no quantizer to watch",
        hint: "telemetry is for training with fake-quantizers: --qat")
    }
    let computed = graph.valuesFromInputs()
    quantizers = nodes.map { id in
      let node = graph[id], x = node.operands[0]
      return Quantizer(
        name: x.map { graph[$0].name } ?? node.name,
        grid: (node.op as? FakeQuantize)?.grid.description ?? "",
        isWeight: !(x.map(computed.contains) ?? true),
        channels: node.operands[1].flatMap { graph[$0].type.shape?.elementCount.size } ?? 1)
    }
    self.every = every
    self.step = step
    index = first
    readings = Array(repeating: nil, count: nodes.count)
    oscillations = Array(repeating: Oscillations(), count: nodes.count)
    counted = Array(repeating: 0, count: nodes.count)
    step.telemetry = self
    for (position, id) in nodes.enumerated() {
      watch(graph[graph[id].result].name, position, in: step)
    }
    try step.remake()
  }

  /// Stops watching; the records stay.
  public func detach() throws(Diagnostic) {
    guard let step else { return }
    if step.telemetry === self { step.telemetry = nil }
    for hook in hooks { try step.remove(hook) }
    hooks = []
  }

  // MARK: - Measuring

  private func watch(_ name: String, _ position: Int, in step: TrainingStep) {
    hooks.append(
      step.hooks.add(name, isBackward: false) { [unowned self] event throws(Diagnostic) in
        try read(event, name, position)
      })
    hooks.append(
      step.hooks.add(name, isBackward: true) { [unowned self] event throws(Diagnostic) in
        if isMeasuring { readings[position]?.add(gradient: event.value) }
      })
  }

  private func read(
    _ event: HookEvent, _ name: String, _ position: Int
  ) throws(Diagnostic) {
    let isWeight = quantizers[position].isWeight
    guard isMeasuring || isWeight, let x = event.operand(0), let scale = event.operand(1),
      let zeroPoint = event.operand(2), let op = step?.quantizer(of: name)
    else { return }
    let reading = try QuantizedTensorReading(
      op, x: x, scale: scale, zeroPoint: zeroPoint, keepsMask: isMeasuring, keepsCodes: isWeight)
    if isWeight { oscillations[position].add(reading.codes) }
    readings[position] = isMeasuring ? reading : nil
  }

  func willRun() { isMeasuring = index % every == 0 }

  func didRun(loss: Float) {
    if isMeasuring { record(loss) }
    index += 1
  }

  private func record(_ loss: Float) {
    var measures: [QuantizerMeasure] = []
    for (position, quantizer) in quantizers.enumerated() {
      var measure = readings[position]?.measure ?? .missing(channels: quantizer.channels)
      if quantizer.isWeight {
        measure.oscillations = oscillations[position].count - counted[position]
        measure.oscillating = oscillations[position].share
        counted[position] = oscillations[position].count
      }
      measures.append(measure)
      readings[position] = nil
    }
    records.append(
      Record(step: index, loss: loss, quantizes: step?.quantizes ?? true, measures: measures))
  }
}

extension TrainingStep {
  /// The quantizer of a value of the model, as the form of the present step has it.
  fileprivate func quantizer(of name: String) -> FakeQuantize? {
    let graph = current.session.graph
    return graph.operation(FakeQuantize.self, of: graph.trained(name, of: self.graph))?.op
  }
}

extension Graph {
  /// The values that depend on an input.
  fileprivate func valuesFromInputs() -> Set<ValueID> {
    var values = Set(inputs)
    for id in nodes {
      if self[id].operands.contains(where: { $0.map(values.contains) ?? false }) {
        values.formUnion(self[id].results.compactMap { $0 })
      }
    }
    return values
  }
}
