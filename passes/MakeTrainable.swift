import QATCore
import QATIR
import QATRewrite

/// Makes the parameters of the model variables, so that training may change them.
///
///     constant %w: f32[8,3,3,3]
///     ->
///     variable %w: f32[8,3,3,3]
///
/// Parameters are the float constants that operations take as weights, biases, scales or running
/// statistics; a tensor that several layers share becomes a variable of each. Those of a layer with `trainable: false` stay constants.
public struct MakeTrainable: Pass {
  public static let name: PassName = "make-trainable"
  public static let summary = "make weights and statistics variables"
  public static let effect: Effect = .exact

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    for id in graph.nodes {
      let node = graph[id]
      guard let op = node.op as? any HasParameters,
        LayerSettings(metadata: node.metadata)?.trainable != false
      else { continue }
      for index in op.trainableOperands + op.stateOperands where index < node.operands.count {
        guard let value = node.operands[index], let tensor = graph[value].constant,
          tensor.element.isFloatingPoint, tensor.elementCount > 1 || !tensor.shape.isEmpty
        else { continue }
        // Exporters let layers share one tensor where their contents happen to be equal.
        let isShared = graph.users(of: value).count > 1 || graph.isOutput(value)
        if isShared {
          let name = graph.freeValueName("\(node.name).\(graph[value].name)")
          graph.setOperand(index, of: id, to: graph.addVariable(name, tensor))
        } else {
          graph.define(value, as: .variable(tensor))
        }
      }
    }
  }
}
