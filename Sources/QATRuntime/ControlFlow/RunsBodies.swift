import QATCore
import QATIR

/// A body that can be run: compiled, or by reference.
public protocol RunnableBody {
  /// One tensor from each output, for one for each input.
  func run(_ inputs: [AnyTensor]) throws(Diagnostic) -> [AnyTensor]
}

/// How an operation of control flow runs its bodies: the same steps whatever runs the bodies.
public protocol RunsBodies: ControlFlow, ShapedByData {
  /// All results.
  /// - Parameter bodies: in the order of `bodies`.
  func evaluate(
    _ operands: [AnyTensor?], _ bodies: [any RunnableBody]
  ) throws(Diagnostic) -> [AnyTensor]
}

/// A body that is evaluated node by node.
private struct ReferenceBody: RunnableBody {
  let graph: Graph

  func run(_ inputs: [AnyTensor]) throws(Diagnostic) -> [AnyTensor] {
    var named: [String: AnyTensor] = [:]
    for (id, tensor) in zip(graph.inputs, inputs) { named[graph[id].name] = tensor }
    return try ReferenceEvaluator(graph).evaluate(named).outputs
  }
}

extension RunsBodies {
  /// By reference.
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let results = try evaluate(call.operands, bodies.map { ReferenceBody(graph: $0) })
    return Array(results.prefix(call.resultTypes.count))
  }

  /// The operands that are captured.
  func captured(_ operands: [AnyTensor?]) -> [AnyTensor] {
    operands.suffix(captures).compactMap { $0 }
  }

  /// Slices put side by side along a new axis; the type is that of a slice, for where there are none.
  func stack(
    _ slices: [AnyTensor], along axis: Int, like type: TensorType
  ) throws(Diagnostic) -> AnyTensor {
    guard let first = slices.first else {
      var sizes = (type.shape?.dimensions ?? []).map { $0.size ?? 0 }
      sizes.insert(0, at: axis < 0 ? axis + sizes.count + 1 : axis)
      return AnyTensor(type.element, shape: sizes, storage: TensorStorage(bytes: []))
    }
    var shape = first.shape
    shape.insert(1, at: axis < 0 ? axis + shape.count + 1 : axis)
    guard slices.allSatisfy({ $0.shape == first.shape }) else {
      throw Diagnostic(
        .shapeMismatch, "an output of the body of \(name) changes its shape from step to step")
    }
    let parts = slices.map { AnyTensor($0.element, shape: shape, storage: $0.storage) }
    return try ReferenceEvaluator.evaluate(Concat(axis: axis), parts)[0]
  }
}
