import QATCore
import QATIR
import QATRewrite

/// Lets observers forget what they saw: the next batch is their first.
///
///     variable %x.min: f32[] = -0.42       // and %x.max, %x.batches, %x.bins, %x.extent
///     ->
///     variable %x.min: f32[] = 0.0
public struct ResetObservers: Pass {
  public static let name: PassName = "reset-observers"
  public static let summary = "return observers to their start"
  public static let effect: Effect = .changesNumerics("ranges are empty until they are observed")

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    for (name, tensor) in graph.emptyObserverState {
      if let id = graph.value(named: name) { graph.define(id, as: .variable(tensor)) }
    }
  }
}

extension Graph {
  /// The variables that hold what observers saw, by name, as they are before the first batch.
  public var emptyObserverState: [String: AnyTensor] {
    var result: [String: AnyTensor] = [:]
    for site in observerSites {
      if site.op is LearnRange, site.state.count == 4 {
        // What is learned begins anew with the next batches, and holds until then.
        result[self[site.state[3]].name] = AnyTensor(Int64(0))
        continue
      }
      for variable in site.state {
        guard let old = self[variable].variable else { continue }
        let bytes = [UInt8](repeating: 0, count: old.storage.byteCount)
        result[self[variable].name] = AnyTensor(
          old.element, shape: old.shape, storage: TensorStorage(bytes: bytes))
      }
    }
    return result
  }
}
