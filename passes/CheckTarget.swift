import QATCore
import QATIR
import QATRewrite

/// Checks, before anything is lowered, that what the configuration asks for runs on the target.
///
/// For `ort-cpu` (ONNX Runtime on a CPU): no int8 activations with uint8 weights; Gemm with alpha and
/// beta of 1; activations on 8 bits or fewer for integer kernels. What can't run is an error that names
/// the node; what runs in float is a remark.
public struct CheckTarget: Pass {
  /// Where models run: ONNX Runtime on CPUs.
  public enum Target: String, CaseIterable, PassOptionValue, Sendable { case ortCPU = "ort-cpu" }

  public static let name: PassName = "check-target"
  public static let summary = "check that the target runs what the configuration asks for"
  public static let effect: Effect = .analysis
  public static let entersBodies = true
  public static let options: [PassOption<Self>] = [
    .init("target", \.target, "where the model is to run")
  ]

  /// Where the model is to run.
  public var target = Target.ortCPU

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    for id in graph.nodes {
      guard case .weighted(let input, let weight, _, _) = graph.quantizationRole(of: id) else {
        continue
      }
      let node = graph[id]
      guard let x = grid(of: node.operands[input], in: graph),
        let w = grid(of: node.operands[weight], in: graph)
      else { continue }
      if x.isSigned && !w.isSigned {
        throw Diagnostic(
          .unsupported, "ONNX Runtime has no int8 activations with uint8 weights",
          at: "node '\(node.name)'",
          hint: "make the weights symmetric or the activations asymmetric")
      }
      if let op = graph.operation(FakeQuantize.self, of: node.operands[weight])?.op,
        op.blockSize > 0
      {
        context.remark(
          node: node.name,
          "weights with a scale per group have no integer kernel on \(target.rawValue): it runs in float"
        )
      }
      if x.bits > 8 || w.bits > 8 {
        context.remark(
          .warning, node: node.name,
          "a \(max(x.bits, w.bits))-bit grid runs in float on \(target.rawValue)")
      }
      if let gemm = node.op as? Gemm, gemm.alpha != 1 || (gemm.beta != 1 && node.operands.count > 2)
      {
        context.remark(
          .warning, node: node.name,
          "alpha or beta is not 1: it runs in float on \(target.rawValue)")
      }
      if node.op is ConvTranspose {
        context.remark(
          node: node.name,
          "ConvTranspose has no integer kernel on \(target.rawValue): it runs in float")
      }
    }
  }

  private func grid(of value: ValueID?, in graph: Graph) -> IntegerGrid? {
    graph.operation(FakeQuantize.self, of: value)?.op.grid
  }
}
