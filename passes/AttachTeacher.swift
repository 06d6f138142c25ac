import QATCore
import QATIR
import QATRewrite

/// Adds a teacher, and the distance of the model's outputs from the teacher's as the loss.
///
///     graph @net(%x: f32[N,4]) -> (%y: f32[N,3]) { variable %w: f32[4,3]
///       %1 = qat.FakeQuantize(%w, ...)
///       %y = MatMul(%x, %1) }
///     ->
///     graph @net(%x: f32[N,4]) -> (%loss: f32[], %y: f32[N,3]) { variable %w: f32[4,3]
///       constant %distillation.teacher.w: f32[4,3]
///       %y = ...
///       %t = MatMul(%x, %distillation.teacher.w)
///       %p = Softmax(%t), %lp = LogSoftmax(%t), %lq = LogSoftmax(%y)
///       %loss = ReduceMean(ReduceSum(Mul(%p, Sub(%lp, %lq)))) }
///
/// The teacher is the model that the caller gives (`Teacher`); without one, the graph itself without
/// its quantizers, as its parameters are now. Where the first output is a scalar already, the loss of
/// labels that `attach-loss` made, both are added up. See `Distillation` for the formula.
public struct AttachTeacher: Pass {
  public static let name: PassName = "attach-teacher"
  public static let summary = "add the float model as a teacher, and a loss against it"
  public static let effect: Effect = .changesNumerics("the first output is the loss")
  public static let options: [PassOption<Self>] = [
    .init("kind", \.distillation.kind, "kl of softened outputs, or mse"),
    .init("temperature", \.distillation.temperature, "what outputs are divided by, of kl"),
    .init("weight", \.distillation.weight, "of the outputs' part"),
    .init("label-weight", \.distillation.labelWeight, "of the loss that is there already"),
    .init("values", \.matches, "inner values to compare besides"),
    .init("output", \.output, "the output it looks at; the first"),
  ]

  /// The loss, and the teacher where it is not the caller's.
  public var distillation = Distillation()
  /// The output that is compared; the first where empty.
  public var output = ""
  var matches: ValueMatches {
    get { ValueMatches(distillation.values) }
    set { distillation.values = newValue.all }
  }

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    let labelLoss = graph.outputs.first.flatMap { first in
      graph[first].type.shape?.rank == 0 && graph.outputs.count > 1 ? first : nil
    }
    let outputs = Array(graph.outputs.dropFirst(labelLoss == nil ? 0 : 1))
    var model = graph
    model.setOutputs(outputs)
    var step = LossBuilder(graph, outputs: outputs, output: output, labels: "")
    let loss = try distillation.emit(
      in: &step, teacher: distillation.teacher ?? context[Teacher.self]?.graph ?? model,
      labelLoss: labelLoss)
    graph = try step.finish(loss)
  }
}
