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
public struct ClipGradients: Pass {
  public static let name: PassName = "clip-gradients"
  public static let summary = "bound the gradients' norm or elements"
  public static let effect: Effect = .changesNumerics("large gradients are scaled down or cut off")
  public static let options: [PassOption<Self>] = [
    .init("norm", \.norm, "the largest norm of all gradients together; 0 for none"),
    .init("value", \.value, "the largest magnitude of an element; 0 for none"),
  ]

  public var norm: Float = 1
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
    if norm > 0 {
      let total = builder.emit(GlobalNorm(), pairs.map(\.gradient))
      let limit = builder.constant(AnyTensor(norm), name: "limit")
      let factor = builder.emit(Div(), [limit, builder.emit(Max(), [total, limit])])
      pairs = pairs.map { ($0.variable, builder.emit(Mul(), [$0.gradient, factor])) }
    }
    if value > 0 {
      let low = builder.constant(AnyTensor(-value), name: "low")
      let high = builder.constant(AnyTensor(value), name: "high")
      pairs = pairs.map { ($0.variable, builder.emit(Clip(), [$0.gradient, low, high])) }
    }
    if let failure = builder.failure { throw failure }
    graph = builder.graph
    for pair in pairs {
      let name = graph[pair.variable].name + Differentiate.suffix
      guard let old = graph.value(named: name) else { continue }
      graph.setOutputs(graph.outputs.map { $0 == old ? pair.gradient : $0 })
      graph.rename(old, to: graph.freeValueName(name + ".unclipped"))
      graph.rename(pair.gradient, to: name)
    }
  }
}
