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
/// last three.
public struct AttachLoss: Pass {
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

  public var kind = Kind.crossEntropy
  public var output = ""
  public var labels = "labels"

  public init() {}
  public init(kind: Kind) { self.kind = kind }

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    let value = try prediction(in: graph)
    let type = graph[value].type
    guard graph.value(named: labels) == nil else {
      throw Diagnostic(
        .invalidOption, "the name '\(labels)' is taken", hint: "choose another with labels=NAME")
    }
    let input = graph.addInput(labels, labelType(for: type))
    var builder = GraphBuilder(graph)
    builder.namePrefix = "loss."
    let op: any Operation =
      switch kind {
      case .crossEntropy: SoftmaxCrossEntropy()
      case .mse: MeanSquaredError()
      case .bce: BinaryCrossEntropy()
      case .l1: MeanAbsoluteError()
      }
    let loss = builder.emit(op, [value, input], name: "loss")
    if let failure = builder.failure { throw failure }
    graph = builder.graph
    graph.setOutputs([loss] + graph.outputs)
  }

  private func labelType(for type: TensorType) -> TensorType {
    guard kind == .crossEntropy else { return type }
    return TensorType(.i64, type.shape.map { Shape(Array($0.dimensions.prefix(1))) })
  }

  /// The output the loss looks at, in front of the function that the loss contains.
  private func prediction(in graph: Graph) throws(Diagnostic) -> ValueID {
    let names = graph.outputs.map { graph[$0].name }
    let found =
      output.isEmpty ? graph.outputs.first : graph.outputs.first { graph[$0].name == output }
    guard let value = found else {
      throw Diagnostic(
        .unknownName, "the model has no output '\(output)'", hint: nameHint(output, among: names))
    }
    guard graph[value].type.element == .f32 else {
      throw Diagnostic(.typeMismatch, "the output '\(graph[value].name)' is \(graph[value].type)")
    }
    var source = value
    while let (node, op) = graph.operation(FakeQuantize.self, of: source), op.axis == nil,
      let x = graph[node].operands[0],
      graph.operation(Softmax.self, of: x) != nil || graph.operation(Sigmoid.self, of: x) != nil
    { source = x }
    if kind == .crossEntropy, let (node, _) = graph.operation(Softmax.self, of: source) {
      return graph[node].operands[0] ?? value
    }
    if kind == .bce, let (node, _) = graph.operation(Sigmoid.self, of: source) {
      return graph[node].operands[0] ?? value
    }
    return value
  }
}
