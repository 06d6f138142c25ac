import QATCore
import QATIR

/// Runs a graph on data and lets observers look at chosen values.
///
///     var calibrator = try Calibrator(graph, observers: ["conv1": PercentileObserver()])
///     for batch in batches { try calibrator.observe(batch) }
///     print(calibrator.ranges["conv1"])
///
/// All chosen values of a batch are in memory at once. The pass `calibrate`, which sets the observers
/// inside a graph, keeps no more than running it takes.
public struct Calibrator {
  /// By the name of the value they look at, with what they have seen.
  public private(set) var observers: [String: any Observer]
  private let session: Session

  /// - Parameters:
  ///   - observers: by the name of the value they look at.
  ///   - threads: 0 for one on each core that the process may use.
  /// - Throws: `unknown-name` for a value that the graph has not; `unsupported` for a graph that can't
  ///   be run.
  public init(
    _ graph: Graph, observers: [String: any Observer], threads: Int = 0
  ) throws(Diagnostic) {
    for name in observers.keys.sorted() where graph.value(named: name) == nil {
      throw Diagnostic(
        .unknownName, "the graph has no value '\(name)'",
        hint: nameHint(name, among: graph.allValues.map { graph[$0].name }))
    }
    self.observers = observers
    session = try Session(graph, watching: observers.keys.sorted(), threads: threads)
  }

  /// Runs one batch.
  /// - Parameter inputs: a tensor for each input, by name.
  /// - Throws: what running throws; `invalid-data`, naming the value, for NaN and infinity.
  public mutating func observe(_ inputs: [String: AnyTensor]) throws(Diagnostic) {
    _ = try session.run(inputs)
    for name in observers.keys.sorted() {
      guard let tensor = session.value(name) else { continue }
      do throws(Diagnostic) { try observers[name]?.observe(tensor) } catch {
        throw error.at("value '\(name)'")
      }
    }
  }

  /// The ranges so far: for each value one, or one for each channel.
  public var ranges: [String: [ClosedRange<Float>]] { observers.mapValues { $0.ranges } }

  /// Lets all observers forget what they saw.
  public mutating func reset() {
    for name in observers.keys { observers[name]?.reset() }
  }
}
