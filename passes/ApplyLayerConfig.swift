import QATCore
import QATConfig
import QATIR
import QATRewrite

/// Notes on every layer how it is to be quantized, as the configuration and its rules say.
///
///     %y = Conv(%x, %w)
///     ->
///     %y = Conv(%x, %w) note("qat.weights" = "i8n symmetric per-channel min-max", ...)
///
/// With `activations=float` those of all layers stay in float, and with `activations=dynamic` those that
/// the configuration quantizes are noted as quantized when running, for `lower-dynamic`.
///
/// Layers are the operations that quantization knows. `first`, `last` and ranges count those with
/// weights; names, globs, regular expressions and `op:` reach the others too, and everything that only
/// has parameters (for `trainable`). Layers in bodies of control flow count at the place of their node.
/// What feeds no product starts in float: rounding there costs accuracy and saves next to nothing
/// (`Graph.layersInFloat`). The schedule of the training becomes a note on the graph. A rule
/// that matches nothing is an error, and so is a setting that the target can't take: it names the rule
/// that made it.
public struct ApplyLayerConfig: Pass {
  /// What becomes of activations.
  public enum Activations: String, CaseIterable, PassOptionValue, Sendable {
    /// What the configuration says.
    case asConfigured = "as-configured"
    case float, dynamic
  }

  public static let name: PassName = "apply-layer-config"
  public static let summary = "note on each layer how it is to be quantized"
  public static let effect: Effect = .exact
  public static let options: [PassOption<Self>] = [
    .init("preset", \.preset, "the configuration where none is given"),
    .init("target", \.target, "where the model is to run"),
    .init("activations", \.activations, "what becomes of activations"),
  ]

  /// The configuration where none is given.
  public var preset = "recommended"
  /// Where the model is to run.
  public var target = CheckTarget.Target.ortCPU
  /// What becomes of activations.
  public var activations = Activations.asConfigured

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    let config: QuantizationConfig
    if let given = context[QuantizationConfig.self] {
      config = given
    } else {
      config = try QuantizationConfig(presetNamed: preset)
    }
    let schedule = config.schedule.description
    graph.metadata[QuantizationSchedule.key] = schedule.isEmpty ? nil : schedule
    var layers: [LayerDescription] = [], count = 0
    try graph.visitLayers { graph, id, startsInFloat throws(Diagnostic) in
      let hasWeight = !graph.quantizableWeights(of: id).isEmpty
      layers.append(
        LayerDescription(
          name: graph[id].name, opType: graph[id].op.name.type, index: hasWeight ? count : nil,
          isQuantizable: graph.quantizationRole(of: id) != nil, startsInFloat: startsInFloat))
      count += hasWeight ? 1 : 0
    }
    var resolved = try config.resolve(layers: layers)[...]
    try graph.visitLayers { graph, id, _ throws(Diagnostic) in
      let layer = resolved.removeFirst()
      do throws(Diagnostic) {
        var effective = layer
        if activations != .asConfigured { effective.activations = nil }
        try target.check(effective)
        var settings = try LayerSettings(effective, warmupBatches: config.warmupBatches)
        // Only what has a weight becomes a product of integers.
        settings.quantizesWhenRunning =
          activations == .dynamic && layer.activations != nil && layer.layer.index != nil
        graph.setLayerSettings(settings, of: id)
      } catch { throw layer.placing(error) }
    }
  }
}

extension Graph {
  /// Whether a configuration can say something about a node. Arithmetic on parameters alone (a folded
  /// batch-norm that is not evaluated yet) is part of the layer that reads it, and no layer itself.
  fileprivate func isLayer(_ id: NodeID) -> Bool {
    guard let first = self[id].results.first, let result = first else { return false }
    return self[result].type.element.isFloatingPoint && !isParameter(result)
      && (quantizationRole(of: id) != nil || self[id].op is any HasParameters)
  }

  /// Calls a function for each layer, in the order they run, those in bodies of control flow included;
  /// with whether it starts in float.
  fileprivate mutating func visitLayers(
    _ visit: (inout Graph, NodeID, Bool) throws(Diagnostic) -> Void
  ) throws(Diagnostic) {
    let inFloat = layersInFloat
    for id in nodes {
      if isLayer(id) { try visit(&self, id, inFloat.contains(id)) }
      try mapBodies(of: id) { body throws(Diagnostic) in try body.visitLayers(visit) }
    }
  }

  /// Layers that stay in float unless a rule says otherwise, in a graph with products: sums, gates, averages
  /// … whose result no product reads, directly or through operations that compute on codes as well
  /// (what stands behind the last product, or between it and a normalization in float: the sums of a
  /// transformer).
  fileprivate var layersInFloat: Set<NodeID> {
    let roles = Dictionary(
      uniqueKeysWithValues: nodes.compactMap { id in quantizationRole(of: id).map { (id, $0) } })
    guard roles.values.contains(where: \.isProduct) else { return [] }
    var feeding: Set<NodeID> = [], inFloat: Set<NodeID> = []
    for id in nodes.reversed() {
      guard let role = roles[id] else { continue }
      let readers = self[id].results.compactMap { $0 }.flatMap { users(of: $0) }
      let feeds = readers.contains { roles[$0]?.isProduct == true || feeding.contains($0) }
      switch role {
      case _ where feeds: feeding.insert(id)
      case .activations, .fixedResult: inFloat.insert(id)
      default: break
      }
    }
    return inFloat
  }
}
