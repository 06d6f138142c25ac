import QATCore
import QATIR
import QATRewrite

/// Bounds the gradients: by their norm together, or each element by itself.
///
///     %w.gradient
///     ->
///     %norm = qat.GlobalNorm(%w.gradient, %b.gradient, ...)
///     %factor = Div(%limit, Max(%norm, %limit))
///     %w.gradient.clipped = Mul(%w.gradient, %factor)
///
/// First come the learned quantizers that have a bound of their own (`clip` of `qat.LearnRange`): the
/// parameters of each by their norm together.
public struct ClipGradients: Pass {
  public static let name: PassName = "clip-gradients"
  public static let summary = "bound the gradients' norm or elements"
  public static let effect: Effect = .changesNumerics("large gradients are scaled down or cut off")
  public static let options: [PassOption<Self>] = [
    .init("norm", \.norm, "the largest norm of all gradients together; 0 for none"),
    .init("value", \.value, "the largest magnitude of an element; 0 for none"),
  ]

  /// The largest norm of all gradients together; 0 for none.
  public var norm: Float = 1
  /// The largest magnitude of an element; 0 for none.
  public var value: Float = 0

  public init() {}
  public init(norm: Float, value: Float = 0) {
    self.norm = norm
    self.value = value
  }

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    var pairs = graph.gradients()
    guard !pairs.isEmpty else {
      throw Diagnostic(.invalidGraph, "there are no gradients", hint: "run differentiate first")
    }
    var builder = GraphBuilder(graph)
    builder.insertionPoint = graph.nodes.first { graph[$0].op is Assign }
    builder.namePrefix = "clip."
    for (clip, variables) in graph.learnedClips {
      let indices = pairs.indices.filter { variables.contains(pairs[$0].variable) }
      guard !indices.isEmpty else { continue }
      let bounded = bound(indices.map { pairs[$0].gradient }, to: clip, in: &builder)
      for (index, gradient) in zip(indices, bounded) { pairs[index].gradient = gradient }
    }
    if norm > 0 {
      let bounded = bound(pairs.map(\.gradient), to: norm, in: &builder)
      pairs = zip(pairs, bounded).map { ($0.variable, $1) }
    }
    if value > 0 {
      let low = builder.constant(AnyTensor(-value), name: "low")
      let high = builder.constant(AnyTensor(value), name: "high")
      pairs = pairs.map { ($0.variable, builder.emit(Clip(), [$0.gradient, low, high])) }
    }
    if let failure = builder.failure { throw failure }
    graph = builder.graph
    for pair in pairs where !graph.isOutput(pair.gradient) {
      let name = graph[pair.variable].name + Differentiate.suffix
      guard let old = graph.value(named: name) else { continue }
      graph.setOutputs(graph.outputs.map { $0 == old ? pair.gradient : $0 })
      graph.rename(old, to: graph.freeValueName(name + ".unclipped"))
      graph.rename(pair.gradient, to: name)
    }
  }

  /// Gradients times `norm / max(norm, their norm together)`.
  private func bound(
    _ gradients: [ValueID], to norm: Float, in builder: inout GraphBuilder
  ) -> [ValueID] {
    let total = builder.emit(GlobalNorm(), gradients)
    let limit = builder.constant(AnyTensor(norm), name: "limit")
    let factor = builder.emit(Div(), [limit, builder.emit(Max(), [total, limit])])
    return gradients.map { builder.emit(Mul(), [$0, factor]) }
  }
}
