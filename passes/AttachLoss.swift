import QATCore
import QATIR
import QATRewrite

/// Adds labels and a loss to the graph.
///
///     graph @net(%image: f32[N,1,28,28]) -> (%logits: f32[N,10])
///     ->
///     graph @net(%image: f32[N,1,28,28], %labels: i64[N]) -> (%loss: f32[], %logits: f32[N,10])
///
/// `cross-entropy` takes class numbers and logits (of a model that ends in Softmax, what goes into
/// it); `mse`, `bce` (on logits; of a model that ends in Sigmoid, what goes into it) and `l1` take
/// targets shaped like the output. The loss is the mean over the batch, and over all elements for the
/// last three. A program may attach a `Loss` of its own.
public struct AttachLoss: Pass {
  /// The losses that have a name.
  public enum Kind: String, CaseIterable, PassOptionValue, Sendable {
    case crossEntropy = "cross-entropy", mse, bce, l1
  }

  public static let name: PassName = "attach-loss"
  public static let summary = "add labels and a loss"
  public static let effect: Effect = .changesNumerics("the first output is the loss")
  public static let options: [PassOption<Self>] = [
    .init("kind", \.kind, "the loss"),
    .init("output", \.output, "the output it looks at; the first"),
    .init("labels", \.labels, "name of the labels' input"),
  ]

  /// Which one.
  public var kind = Kind.crossEntropy
  /// The output that it looks at; the first where empty.
  public var output = ""
  /// The name of the input for labels.
  public var labels = "labels"
  /// A loss of the caller's, in place of `kind`.
  public var loss: (any Loss)?

  public init() {}
  public init(kind: Kind) { self.kind = kind }
  /// Attaches a loss of the caller's.
  public init(_ loss: any Loss) { self.loss = loss }

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    _ = try attach(to: &graph)
  }

  /// Attaches the loss.
  /// - Returns: the inputs that it added, for targets.
  public func attach(to graph: inout Graph) throws(Diagnostic) -> [LossBuilder.Target] {
    var step = LossBuilder(graph, outputs: graph.outputs, output: output, labels: labels)
    let loss = try (loss ?? StandardLoss(kind)).emit(in: &step)
    graph = try step.finish(loss)
    return step.targets
  }
}
