import QATCore
import QATIR
import QATRewrite
import QATRuntime

/// Batches of calibration data: what `calibrate` runs, in order. Input names to tensors, the batch on
/// axis 0.
public struct CalibrationData: Sendable {
  public let batches: @Sendable () -> AnySequence<Result<[String: AnyTensor], Diagnostic>>

  public init(
    _ batches: @escaping @Sendable () -> AnySequence<Result<[String: AnyTensor], Diagnostic>>
  ) {
    self.batches = batches
  }

  public init(_ batches: [[String: AnyTensor]]) {
    self.init { AnySequence(batches.map { .success($0) }) }
  }
}

/// Runs the model in float over calibration data and sets the ranges of its observers.
///
///     variable %x.min: f32[] = 0.0      // and %x.max, %x.batches
///     ->
///     variable %x.min: f32[] = -0.42
///
/// Quantizers do not round while calibrating. NaN or infinity in a value is an error that names it.
public struct Calibrate: Pass {
  public static let name: PassName = "calibrate"
  public static let summary = "observe ranges on calibration data"
  public static let effect: Effect = .changesNumerics("ranges are set from data")
  public static let options: [PassOption<Self>] = [
    .init("batches", \.batches, "batches to run at most; 0 for all there are")
  ]

  public var batches = 0

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    let observers = graph.nodes.filter { graph[$0].op is any ObservesBatches }
    if observers.isEmpty { return }
    guard let data = context[CalibrationData.self] else {
      throw Diagnostic(.invalidData, "no calibration data", hint: "give --data")
    }
    var observing = graph.withObservers(training: true, limit: 0)
    let updates = observers.flatMap { id in
      graph[id].results.indices.compactMap { index -> (variable: ValueID, result: ValueID)? in
        guard let variable = graph[id].operands[index + 1], let result = graph[id].results[index]
        else { return nil }
        return (variable, result)
      }
    }
    observing.setOutputs(updates.map(\.result))
    try EliminateDeadNodes().run(on: &observing, &context)
    let session = try Session(observing)
    var count = 0
    for batch in data.batches() {
      if batches > 0 && count == batches { break }
      let results = try session.run(try batch.get())
      for (update, tensor) in zip(updates, results) {
        try session.setVariable(graph[update.variable].name, to: tensor)
        graph.define(update.variable, as: .variable(tensor))
      }
      count += 1
    }
    guard count > 0 else {
      throw Diagnostic(
        .invalidData, "the calibration data is empty", hint: "look at --data and its limit")
    }
    try checkLearned(graph)
    context.remark(.note, "\(observers.count) ranges observed over \(count) batches")
  }
}

extension Calibrate {
  /// What learned quantizers begin with: kernels let NaN through, and here it has a name.
  private func checkLearned(_ graph: Graph) throws(Diagnostic) {
    for id in graph.nodes where graph[id].op is LearnRange {
      for case .some(let variable) in graph[id].operands[1...2] {
        guard let numbers = graph[variable].variable?.doubles, !numbers.allSatisfy(\.isFinite)
        else { continue }
        throw Diagnostic(
          .invalidData, "the observed tensor holds NaN or infinity",
          at: "node '\(graph[id].name)'", hint: "look at the calibration data")
      }
    }
  }
}

extension Graph {
  /// The graph with its observers on or off, and quantizers that let values through while they are on.
  func withObservers(training: Bool, limit: Int?) -> Graph {
    var result = self
    for id in nodes {
      if var observe = self[id].op as? any ObservesBatches {
        observe.training = training
        if let limit { observe.limit = limit }
        result.setOperation(of: id, to: observe)
      } else if var quantizer = self[id].op as? FakeQuantize {
        quantizer.bypass = training
        result.setOperation(of: id, to: quantizer)
      } else if var bias = self[id].op as? FakeQuantizeBias {
        bias.bypass = training
        result.setOperation(of: id, to: bias)
      } else if var bias = self[id].op as? FoldedBiasRounding {
        bias.bypass = training
        result.setOperation(of: id, to: bias)
      }
    }
    return result
  }
}
