import QATCore
import QATConfig
import QATIR
import QATRewrite

/// Training a model to have the outputs of another one, with labels or without.
///
/// The teacher runs in float inside of the training step, on the same batch; nothing of it changes.
/// With the logits s of the model and t of the teacher, N samples and C classes along axis 1:
///
///     kl     T² · Σ_{n,c} p · (log p - log q) / N        p = softmax(t / T), q = softmax(s / T)
///     mse    Σ (s - t)² / (N · C)
///     loss = weight · that + Σ_v weight_v · mean((v - v of the teacher)²) + labelWeight · loss of labels
///
/// The factor T² keeps the size of gradients as T changes. Of a model that ends in Softmax, the logits
/// are what goes into it; inner values are taken as their readers see them, behind their quantizer.
/// Source: Hinton, Vinyals, Dean, arXiv:1503.02531, section 2; inner values: Romero et al.,
/// arXiv:1412.6550, eq. 3 without a regressor.
public struct Distillation: Loss {
  /// How outputs are compared.
  public enum Kind: String, CaseIterable, PassOptionValue, Sendable {
    /// The divergence of the softened outputs.
    case kl
    /// The mean of the squares of the differences of the outputs.
    case mse
  }

  /// The model to learn from; the trained one as it is before the first step, without its
  /// quantizers, where `nil`.
  public var teacher: Graph?
  /// How outputs are compared.
  public var kind = Kind.kl
  /// T: above 1 the teacher's smaller outputs count for more.
  public var temperature: Float = 1
  /// Of the outputs' part of the loss.
  public var weight: Float = 1
  /// Values inside of both models whose differences count, too.
  public var values: [ValueMatch] = []
  /// A loss of labels to add; `nil` for none, and data without labels.
  public var labels: (any Loss)?
  /// Of the labels' part of the loss.
  public var labelWeight: Float = 1

  public init(teacher: Graph? = nil) { self.teacher = teacher }

  public var text: String {
    let values = values.map(\.description).joined(separator: ",")
    let digest = teacher.map { "teacher:\($0.parameterDigest)," } ?? ""
    return "distill{\(digest)\(kind.rawValue),temperature:\(temperature),weight:\(weight),"
      + "values:\(values),labels:\(labels.map { "\(labelWeight)*\($0.text)" } ?? "none")}"
  }

  /// With the graph as the teacher where none was given.
  public func prepared(for graph: Graph) -> any Loss {
    var result = self
    result.teacher = teacher ?? graph
    result.labels = labels?.prepared(for: graph)
    return result
  }

  public func emit(in step: inout LossBuilder) throws(Diagnostic) -> ValueID {
    let model = step.builder.graph
    let labelLoss = try labels?.emit(in: &step)
    return try emit(in: &step, teacher: teacher ?? model, labelLoss: labelLoss)
  }

  /// - Parameter labelLoss: what `labelWeight` counts.
  func emit(
    in step: inout LossBuilder, teacher: Graph, labelLoss: ValueID?
  ) throws(Diagnostic) -> ValueID {
    try checkSettings()
    let output = try step.output()
    let wanted = try teacher.output(for: step.builder.graph[output].name)
    let pairs = try innerValues(teacher, step.builder.graph)
    step.builder.namePrefix = "distillation."
    let copies = try step.builder.emitTeacher(teacher, values: [wanted] + pairs.map(\.teacher))
    guard let target = copies[wanted] else {
      throw Diagnostic(.invalidGraph, "the teacher's output is nowhere")
    }
    try checkTypes(output, target, step.builder.graph)
    var terms = [(weight, emitOutputs(output, target, in: &step))]
    for pair in pairs {
      guard let target = copies[pair.teacher] else { continue }
      try checkTypes(pair.student, target, step.builder.graph)
      terms.append(
        (pair.weight, step.builder.emit(MeanSquaredError(), [pair.student, target])))
    }
    if let labelLoss { terms.append((labelWeight, labelLoss)) }
    return sum(terms.filter { $0.0 != 0 }, in: &step.builder)
  }

  // MARK: - Parts

  private func emitOutputs(
    _ output: ValueID, _ target: ValueID, in step: inout LossBuilder
  ) -> ValueID {
    let student = step.operand(of: Softmax.self, behind: output)
    let teacher = step.operand(of: Softmax.self, behind: target)
    if kind == .mse { return step.builder.emit(MeanSquaredError(), [student, teacher]) }
    return divergence(student, teacher, in: &step.builder)
  }

  private func divergence(
    _ student: ValueID, _ teacher: ValueID, in builder: inout GraphBuilder
  ) -> ValueID {
    func softened(_ logits: ValueID) -> ValueID {
      if temperature == 1 { return logits }
      return builder.emit(Mul(), [logits, builder.scalar(1 / Double(temperature), like: logits)])
    }
    let s = softened(student), t = softened(teacher)
    let p = builder.emit(Softmax(axis: 1), [t])
    let surprise = builder.emit(
      Sub(), [builder.emit(LogSoftmax(axis: 1), [t]), builder.emit(LogSoftmax(axis: 1), [s])])
    let terms = builder.emit(Mul(), [p, surprise])
    let samples = builder.emit(
      ReduceSum(keepDimensions: false), [terms, builder.integers([1])])
    let mean = builder.emit(ReduceMean(keepDimensions: false), [samples])
    if temperature == 1 { return mean }
    let square = Double(temperature) * Double(temperature)
    return builder.emit(Mul(), [mean, builder.scalar(square, like: mean)])
  }

  private func sum(_ terms: [(Float, ValueID)], in builder: inout GraphBuilder) -> ValueID {
    let weighted = terms.map { weight, term in
      weight == 1
        ? term : builder.emit(Mul(), [term, builder.scalar(Double(weight), like: term)])
    }
    guard weighted.count > 1 else {
      builder.graph.rename(weighted[0], to: builder.graph.freeValueName("distillation"))
      return weighted[0]
    }
    return builder.emit(Sum(), weighted.map { $0 }, name: "distillation")
  }

  private func innerValues(
    _ teacher: Graph, _ student: Graph
  ) throws(Diagnostic) -> [(student: ValueID, teacher: ValueID, weight: Float)] {
    var found: [(student: ValueID, teacher: ValueID, weight: Float)] = []
    let names = teacher.comparableNames(with: student)
    for match in values {
      let matching = names.filter { globMatches(match.pattern, $0) }
      guard !matching.isEmpty else {
        throw Diagnostic(
          .unknownName, "no value of both models matches '\(match.pattern)'", at: "distillation",
          hint: nameHint(match.pattern, among: names))
      }
      for name in matching {
        guard let a = student.value(named: name), let b = teacher.value(named: name) else {
          continue
        }
        found.append((student.quantized(a), b, match.weight))
      }
    }
    return found
  }

  // MARK: - Checks

  private func checkSettings() throws(Diagnostic) {
    guard temperature > 0, temperature.isFinite else {
      throw Diagnostic(
        .invalidOption, "a temperature of \(temperature)", hint: "1 to 10 are usual")
    }
    let weights = [weight, labels == nil ? 0 : labelWeight] + values.map(\.weight)
    guard weights.allSatisfy({ $0 >= 0 && $0.isFinite }),
      weight > 0 || values.contains(where: { $0.weight > 0 })
    else {
      throw Diagnostic(
        .invalidOption, "weights of the distillation are \(weights)",
        hint: "they are 0 or more, and one of the teacher's is more")
    }
  }

  private func checkTypes(_ a: ValueID, _ b: ValueID, _ graph: Graph) throws(Diagnostic) {
    let x = graph[a].type, y = graph[b].type
    let first: [Dimension] = x.shape?.dimensions ?? [], second = y.shape?.dimensions ?? []
    let differ = zip(first, second).contains { a, b in
      a.size != nil && b.size != nil && a.size != b.size
    }
    guard x.element == y.element, first.count == second.count, !differ else {
      throw Diagnostic(
        .shapeMismatch, "'\(graph[a].name)' is \(x), the teacher's \(y)", at: "distillation",
        hint: "values of teacher and model are compared element by element")
    }
    guard kind == .mse || x.shape?.rank != 1 else {
      throw Diagnostic(
        .shapeMismatch, "'\(graph[a].name)' is \(x): it has no axis of classes",
        at: "distillation", hint: "kind=mse compares outputs of any shape")
    }
  }
}
