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
  /// Whether each batch is a single run, be it of a single sample.
  public let holdsRuns: Bool

  /// Batches that are made when they are needed.
  public init(
    holdsRuns: Bool = false,
    _ batches: @escaping @Sendable () -> AnySequence<Result<[String: AnyTensor], Diagnostic>>
  ) {
    self.batches = batches
    self.holdsRuns = holdsRuns
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
/// Quantizers do not round while calibrating. In bodies of control flow each execution is a batch; what
/// stands in a branch that is never taken stays in float, and a remark says so. A moving average is one
/// over batches of many samples: in bodies, and of single runs, the widest range counts instead. NaN or infinity in a value is an error that names it.
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
    var observers: [ObserverSite] = [], learned: [ObserverSite] = []
    for site in graph.observerSites {
      if let parameter = try site.parameter() {
        try graph.observe(parameter, at: site)
      } else if site.op is Observe {
        observers.append(site)
      } else {
        learned.append(site)
      }
    }
    if observers.isEmpty && learned.isEmpty { return }
    if let table = context[CalibrationTable.self] {
      try graph.setRanges(of: observers, from: table, &context)
      // A range does not tell the mean magnitude that a learned scale begins with.
      if !learned.isEmpty { try observe([], learned, in: &graph, &context) }
    } else {
      try observe(observers, learned, in: &graph, &context)
    }
    context[ObservedRanges.self] = ObservedRanges(table: graph.calibrationTable(of: observers))
    try dropIdle(observers, in: &graph, &context)
  }

  private func observe(
    _ observers: [ObserverSite], _ learned: [ObserverSite], in graph: inout Graph,
    _ context: inout PassContext
  ) throws(Diagnostic) {
    guard let data = context[CalibrationData.self] else {
      throw Diagnostic(.invalidData, "no calibration data", hint: "give --data, or --calibration")
    }
    var observing = graph.withObservers(training: true, limit: 0)
      .withoutAverages(everywhere: data.holdsRuns)
    let updates = try observing.carryObserverState { scope, id in
      (!observers.isEmpty || scope[id].op is LearnRange)
        && scope[id].operands[0].map { !scope.isParameter($0) } ?? false
    }
    let states = updates.map { StateUpdate($0.result, of: graph[$0.state].name, in: observing) }
    observing.setOutputs(updates.map(\.result))
    try observing.removeBypassedQuantizers()
    try EliminateDeadNodes().run(on: &observing, &context)
    let session = try Session(try observing.channelsLast(), threads: context.threads)
    var count = 0
    for batch in data.batches() {
      if batches > 0 && count == batches { break }
      try session.observe(try batch.get(), states, inParts: !data.holdsRuns)
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
    try graph.checkLearned(learned)
    for site in observers {
      guard let observe = site.op as? Observe else { continue }
      try graph.changeState(of: site) { state in observe.settled(state) }
    }
    context.remark(.note, "\(observers.count) ranges observed over \(count) batches")
  }

  /// Leaves in float what no batch reached: a branch that was never taken has no ranges.
  private func dropIdle(
    _ observers: [ObserverSite], in graph: inout Graph, _ context: inout PassContext
  ) throws(Diagnostic) {
    var idle: Set<ValueID> = []
    for site in observers {
      guard try ObserverState(site.state.map { graph[$0].variable }).batches == 0 else { continue }
      idle.insert(site.state[0])
    }
    if idle.isEmpty { return }
    try graph.removeQuantizers(observedInto: idle)
    context.remark(
      .warning,
      "\(idle.count) values of branches that the calibration data never takes stay in float")
  }
}

extension Graph {
  /// The graph with observers in bodies, or all of them, that keep the widest range.
  fileprivate func withoutAverages(everywhere: Bool) -> Graph {
    var result = self
    for id in nodes {
      if everywhere, var observe = self[id].op as? Observe, observe.kind == .movingAverage {
        observe.kind = .minMax
        result.setOperation(of: id, to: observe)
      } else if var flow = self[id].op.controlFlow {
        flow.bodies = flow.bodies.map { $0.withoutAverages(everywhere: true) }
        result.setOperation(of: id, to: flow)
      }
    }
    return result
  }

  /// What learned quantizers begin with: kernels let NaN through, and here it has a name.
  fileprivate func checkLearned(_ learned: [ObserverSite]) throws(Diagnostic) {
    for site in learned {
      for variable in site.state.prefix(2) {
        guard let numbers = self[variable].variable?.doubles, !numbers.allSatisfy(\.isFinite)
        else { continue }
        throw Diagnostic(
          .invalidData, "the observed tensor holds NaN or infinity", at: "node '\(site.name)'",
          hint: "look at the calibration data")
      }
    }
  }

  /// Sets the state of an observer, or of a learned quantizer, from all there is to see.
  fileprivate mutating func observe(
    _ parameter: AnyTensor, at site: ObserverSite
  ) throws(Diagnostic) {
    do throws(Diagnostic) {
      if let observe = site.op as? Observe {
        try changeState(of: site) { state throws(Diagnostic) in
          try observe.next(ObserverState(channels: state.low.count), observing: parameter)
        }
      } else if var learn = site.op as? LearnRange {
        (learn.training, learn.limit) = (true, 0)
        let old = site.state.compactMap { self[$0].variable }
        guard old.count == 4 else { return }
        let start = Array(old.dropLast()) + [AnyTensor(Int64(0))]
        let new = try ReferenceEvaluator.evaluate(learn, [parameter] + start, resultCount: 4)
        for (variable, tensor) in zip(site.state, new) { define(variable, as: .variable(tensor)) }
      }
    } catch { throw error.at("node '\(site.name)'") }
  }

  /// Gives an observer's variables other contents.
  mutating func changeState(
    of site: ObserverSite, _ change: (ObserverState) throws(Diagnostic) -> ObserverState
  ) throws(Diagnostic) {
    let old = site.state.compactMap { self[$0].variable }
    for (variable, tensor) in zip(
      site.state, try change(try ObserverState(old)).tensors(like: old))
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
      } else if var flow = self[id].op.controlFlow {
        flow.bodies = flow.bodies.map { $0.withObservers(training: training, limit: limit) }
        result.setOperation(of: id, to: flow)
      }
    }
    return result
  }
}
