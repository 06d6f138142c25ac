import QATCore
import QATIR

/// What training makes small: nodes that turn the model's outputs, and targets from the data, into one
/// number. Conform a type of your own to train with another loss.
///
///     struct Huber: Loss {
///       var text: String { "huber" }
///       func emit(in step: inout LossBuilder) throws(Diagnostic) -> ValueID {
///         let output = try step.output()
///         let target = try step.target(of: output)
///         let distance = step.builder.emit(Abs(), [step.builder.emit(Sub(), [output, target])])
///         …
///       }
///     }
///
/// The nodes go through the same passes as the model's, so their operations must have gradients.
public protocol Loss: Sendable {
  /// The loss and its settings, without spaces: a checkpoint keeps it, and a run that resumes must
  /// have the same.
  var text: String { get }

  /// Emits the loss: a scalar of floats, the mean over the batch.
  func emit(in step: inout LossBuilder) throws(Diagnostic) -> ValueID

  /// The loss for the training of a graph: asked once, with the graph as it is before the first step.
  /// Itself where nothing is to be kept of it.
  func prepared(for graph: Graph) -> any Loss
}

extension Loss {
  public func prepared(for graph: Graph) -> any Loss { self }
}

/// Where a loss is emitted: the model's outputs, inputs for targets, and a builder for nodes.
public struct LossBuilder: Sendable {
  /// An input of the training step that the data's targets feed.
  public struct Target: Sendable, Equatable {
    /// The name of the input.
    public let input: String
    /// Element type and shape, the batch in front.
    public let type: TensorType
    /// The output that the target is for: a data set gives targets by this name.
    public let output: String
  }

  /// Emits into the graph that holds the model.
  public var builder: GraphBuilder
  /// The model's outputs.
  public let outputs: [ValueID]
  /// The targets asked for so far.
  public private(set) var targets: [Target] = []

  private let chosen: String
  private let labels: String

  /// - Parameters:
  ///   - output: the output that `output()` gives; the first where empty.
  ///   - labels: the name of the input for the first target.
  init(_ graph: Graph, outputs: [ValueID], output: String, labels: String) {
    builder = GraphBuilder(graph)
    builder.namePrefix = "loss."
    self.outputs = outputs
    chosen = output
    self.labels = labels
  }

  /// An output of the model.
  /// - Parameter name: the one chosen by the settings of the training where `nil`.
  /// - Throws: `unknown-name`; `type-mismatch` where it is not of float elements.
  public func output(_ name: String? = nil) throws(Diagnostic) -> ValueID {
    let name = name ?? chosen, graph = builder.graph
    let found = name.isEmpty ? outputs.first : outputs.first { graph[$0].name == name }
    guard let value = found else {
      throw Diagnostic(
        .unknownName, "the model has no output '\(name)'",
        hint: nameHint(name, among: outputs.map { graph[$0].name }))
    }
    guard graph[value].type.element == .f32 else {
      throw Diagnostic(.typeMismatch, "the output '\(graph[value].name)' is \(graph[value].type)")
    }
    return value
  }

  /// Adds an input for the target of an output; asked again with the same type, gives the same one.
  /// - Parameter type: of the target; that of the output where `nil`.
  /// - Throws: `invalid-option` where the name for it is taken, or another type was asked before.
  public mutating func target(
    of output: ValueID, _ type: TensorType? = nil
  ) throws(Diagnostic) -> ValueID {
    let name = builder.graph[output].name, type = type ?? builder.graph[output].type
    if let known = targets.first(where: { $0.output == name }) {
      guard known.type == type, let value = builder.graph.value(named: known.input) else {
        throw Diagnostic(
          .invalidOption, "the target of '\(name)' is to be \(known.type) and \(type)",
          hint: "losses that share a target take one form of it")
      }
      return value
    }
    let input: String
    if targets.isEmpty {
      guard builder.graph.value(named: labels) == nil else {
        throw Diagnostic(
          .invalidOption, "the name '\(labels)' is taken", hint: "choose another with labels=NAME")
      }
      input = labels
    } else {
      input = builder.graph.freeValueName("\(labels).\(name)")
    }
    targets.append(Target(input: input, type: type, output: name))
    return builder.graph.addInput(input, type)
  }

  /// What an operation at the end of the model takes, in front of its quantizer and the operation:
  /// the logits of a model that ends in Softmax. An output of another operation is given back.
  public func operand<Op: Operation>(of _: Op.Type, behind output: ValueID) -> ValueID {
    let graph = builder.graph
    var source = output
    while let (node, op) = graph.operation(FakeQuantize.self, of: source), op.axis == nil,
      let x = graph[node].operands[0],
      graph.operation(FakeQuantize.self, of: x) != nil || graph.operation(Op.self, of: x) != nil
    { source = x }
    guard let (node, _) = graph.operation(Op.self, of: source) else { return output }
    return graph[node].operands[0] ?? output
  }

  /// The graph with the loss as its first output.
  /// - Throws: the builder's first mistake; `invalid-graph` for a loss that is no scalar.
  func finish(_ loss: ValueID) throws(Diagnostic) -> Graph {
    if let failure = builder.failure { throw failure }
    var graph = builder.graph
    guard graph[loss].type.shape?.rank == 0, graph[loss].type.element.isFloatingPoint else {
      throw Diagnostic(
        .invalidGraph, "the loss '\(graph[loss].name)' is \(graph[loss].type)",
        hint: "make it a scalar of floats: the mean over the batch")
    }
    graph.setOutputs([loss] + outputs)
    return graph
  }
}
