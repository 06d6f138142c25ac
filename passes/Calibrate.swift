import QATConfig
import QATCore
import QATIR
import QATRewrite
import QATRuntime

/// Batches of calibration data: what `calibrate` runs, in order. Input names to tensors, the batch on
/// axis 0.
public struct CalibrationData: Sendable {
  /// Makes the batches, anew each time it is asked.
  public let batches: @Sendable () -> AnySequence<Result<[String: AnyTensor], Diagnostic>>

  /// Batches that are made when they are needed.
  public init(
    _ batches: @escaping @Sendable () -> AnySequence<Result<[String: AnyTensor], Diagnostic>>
  ) {
    self.batches = batches
  }

  /// Batches that are there.
  public init(_ batches: [[String: AnyTensor]]) {
    self.init { AnySequence(batches.map { .success($0) }) }
  }
}

extension Calibrator {
  /// Runs all batches.
  public mutating func observe(_ data: CalibrationData) throws(Diagnostic) {
    for batch in data.batches() { try observe(try batch.get()) }
  }
}

/// Runs the model in float over calibration data and sets the ranges of its observers.
///
///     variable %x.min: f32[] = 0.0      // and %x.max, %x.batches
///     ->
///     variable %x.min: f32[] = -0.42
///
/// Quantizers do not round while calibrating. NaN or infinity in a value is an error that names it.
/// Observers of parameters need no data. Where the context holds a `CalibrationTable`, the ranges of the
/// others come from there instead of data; the table that they make is left there as `ObservedRanges`.
public struct Calibrate: Pass {
  public static let name: PassName = "calibrate"
  public static let summary = "observe ranges on calibration data"
  public static let effect: Effect = .changesNumerics("ranges are set from data")
  public static let options: [PassOption<Self>] = [
    .init("batches", \.batches, "batches to run at most; 0 for all there are")
  ]

  /// Batches to run at most; 0 for all there are.
  public var batches = 0

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    var observers: [NodeID] = [], learned: [NodeID] = []
    for id in graph.nodes {
      if let learn = graph[id].op as? LearnRange, let x = graph[id].operands[0] {
        if graph.isParameter(x) {
          try graph.follow(try graph.parameterValue(x), with: learn, id)
        } else {
          learned.append(id)
        }
      }
      guard let observe = graph[id].op as? Observe, let x = graph[id].operands[0] else { continue }
      if graph.isParameter(x) {
        try graph.observe(try graph.parameterValue(x), with: observe, id)
      } else {
        observers.append(id)
      }
    }
    if observers.isEmpty && learned.isEmpty { return }
    if let table = context[CalibrationTable.self] {
      try graph.setRanges(of: observers, from: table, &context)
      // A range does not tell the mean magnitude that a learned scale begins with.
      if !learned.isEmpty { try observe(learned, in: &graph, &context) }
    } else {
      try observe(observers + learned, in: &graph, &context)
    }
    context[ObservedRanges.self] = ObservedRanges(table: graph.calibrationTable(of: observers))
  }

  private func observe(
    _ observers: [NodeID], in graph: inout Graph, _ context: inout PassContext
  ) throws(Diagnostic) {
    guard let data = context[CalibrationData.self] else {
      throw Diagnostic(.invalidData, "no calibration data", hint: "give --data, or --calibration")
    }
    var observing = graph.withObservers(training: true, limit: 0)
    let updates = observers.flatMap { graph.observerState(of: $0) }
    observing.setOutputs(updates.map(\.result))
    try observing.removeBypassedQuantizers()
    try EliminateDeadNodes().run(on: &observing, &context)
    let session = try Session(try observing.channelsLast(), threads: context.threads)
    let states = updates.map { StateUpdate($0.result, of: graph[$0.variable].name, in: graph) }
    var count = 0
    for batch in data.batches() {
      if batches > 0 && count == batches { break }
      try session.observe(try batch.get(), states)
      count += 1
    }
    guard count > 0 else {
      throw Diagnostic(
        .invalidData, "the calibration data is empty", hint: "look at --data and its limit")
    }
    for (variable, _) in updates {
      if let tensor = session.variable(graph[variable].name) {
        graph.define(variable, as: .variable(tensor))
      }
    }
    try checkLearned(graph)
    for id in observers {
      guard let observe = graph[id].op as? Observe else { continue }
      try graph.changeState(of: id) { state in observe.settled(state) }
    }
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
  /// What a value is that does not depend on the inputs.
  fileprivate func parameterValue(_ value: ValueID) throws(Diagnostic) -> AnyTensor {
    if let tensor = self[value].parameter { return tensor }
    guard let id = producer(of: value), let index = self[id].results.firstIndex(of: value) else {
      throw Diagnostic(.invalidGraph, "'\(self[value].name)' depends on the inputs")
    }
    var operands: [AnyTensor?] = []
    for operand in self[id].operands {
      operands.append(try operand.map { value throws(Diagnostic) in try parameterValue(value) })
    }
    do throws(Diagnostic) {
      return try ReferenceEvaluator.evaluate(self[id].op, operands, resultCount: index + 1)[index]
    } catch { throw error.at("node '\(self[id].name)'") }
  }

  /// Sets the range of an observer from all there is to see.
  fileprivate mutating func observe(
    _ parameter: AnyTensor, with observe: Observe, _ id: NodeID
  ) throws(Diagnostic) {
    do throws(Diagnostic) {
      try changeState(of: id) { state throws(Diagnostic) in
        try observe.next(ObserverState(channels: state.low.count), observing: parameter)
      }
    } catch { throw error.at("node '\(self[id].name)'") }
  }

  /// Sets the parameters of a learned quantizer from all there is to see.
  fileprivate mutating func follow(
    _ parameter: AnyTensor, with learn: LearnRange, _ id: NodeID
  ) throws(Diagnostic) {
    var learn = learn
    (learn.training, learn.limit) = (true, 0)
    let variables = observerState(of: id).map(\.variable)
    let old = variables.compactMap { self[$0].variable }
    guard old.count == 4 else { return }
    do throws(Diagnostic) {
      let start = Array(old.dropLast()) + [AnyTensor(Int64(0))]
      let new = try ReferenceEvaluator.evaluate(learn, [parameter] + start, resultCount: 4)
      for (variable, tensor) in zip(variables, new) { define(variable, as: .variable(tensor)) }
    } catch { throw error.at("node '\(self[id].name)'") }
  }

  /// Gives an observer's variables other contents.
  mutating func changeState(
    of id: NodeID, _ change: (ObserverState) throws(Diagnostic) -> ObserverState
  ) throws(Diagnostic) {
    let variables = observerState(of: id).map(\.variable)
    let old = variables.compactMap { self[$0].variable }
    for (variable, tensor) in zip(
      variables, try change(try ObserverState(old)).tensors(like: old))
    {
      define(variable, as: .variable(tensor))
    }
  }
}

extension Graph {
  /// Leaves out what lets values through, so that products are fused with what is behind it.
  fileprivate mutating func removeBypassedQuantizers() throws(Diagnostic) {
    for id in nodes {
      let isBypassed =
        (self[id].op as? FakeQuantize)?.bypass ?? (self[id].op as? FakeQuantizeBias)?.bypass
      guard isBypassed == true, let x = self[id].operands[0] else { continue }
      try replaceAllUses(of: self[id].result, with: x)
    }
  }

  /// The graph with its observers on or off, and quantizers that let values through while they are on.
  func withObservers(training: Bool, limit: Int?) -> Graph {
    var result = self
    for id in nodes {
      if var observe = self[id].op as? any ObservesBatches {
        observe.training = training
        if let limit { observe.limit = limit }
        result.setOperation(of: id, to: observe)
        if var observe = observe as? Observe {
          observe.deferred = training
          result.setOperation(of: id, to: observe)
        }
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
