import QATCore
import QATIR
import QATRewrite

/// Lets ONNX Runtime leave in float what is to be computed in float.
///
///     %dx = DequantizeLinear(%q, %s, %z)
///     %h = Conv(%dx, %w)                        // %w is no codes: the layer is not quantized
///     %y = QuantizeLinear(%h, %sy, %zy)
///     ->
///     %dx = Mul(Sub(Cast(%q), f32(%z)), %s)     // the same numbers
///     %h = Conv(%dx, %w)
///     %y = QuantizeLinear(%h, %sy, %zy)
///
/// Between a `DequantizeLinear` and a `QuantizeLinear`, the runtime takes a Conv, ConvTranspose or Gemm
/// for one that it may quantize, and rounds its float weights to int8 by itself; and it takes weights of
/// 8 bits with a scale per group for weights with a scale per channel, which fails when running, or gives
/// other numbers. Arithmetic in the place of `DequantizeLinear` computes the same numbers and matches
/// none of its patterns. Weights per group of such a product are written so too:
/// `Mul(Cast(%codes), Gather(%scale, [0, 0, ..., 1, 1, ...]))`.
///
/// Left alone: products whose activations are no codes, and those whose weight has codes with a scale
/// per tensor or per channel.
public struct IsolateIslands: Pass {
  public static let name: PassName = "isolate-islands"
  public static let summary = "keep runtimes from quantizing what is to stay in float"
  public static let effect: Effect = .exact
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    var editor = GraphEditor(graph)
    for id in graph.nodes where editor.graph.contains(id) {
      let now = editor.graph
      guard case .weighted(let input, let weight, _, _) = now.quantizationRole(of: id),
        let x = now.operation(DequantizeLinear.self, of: now[id].operands[input]),
        let activation = dequantized(x.node, now), activation.count == 1
      else { continue }
      if let w = now.operation(DequantizeLinear.self, of: now[id].operands[weight]) {
        guard w.op.blockSize > 0, let codes = now[w.node].operands[0],
          now[codes].type.element.bitWidth == 8, let blocks = dequantized(w.node, now)
        else { continue }
        editor.setOperand(weight, of: id, to: blocks.term(w.op))
      } else if now[id].op is MatMul || !now.isQuantized(now[id].result) {
        continue
      }
      editor.setOperand(input, of: id, to: activation.term(x.op))
    }
    if let failure = editor.builder.failure { throw failure }
    graph = editor.graph
    try EliminateCommonSubexpressions().run(on: &graph, &context)
  }

  /// What a `DequantizeLinear` with constant parameters reads.
  private struct Dequantized: Sendable {
    let codes: ValueID, scale: ValueID
    let shape: Shape?
    /// The zero points in float; `nil` where all are 0.
    let zeros: AnyTensor?
    /// How many scales there are.
    let count: Int

    /// The numbers, by arithmetic.
    func term(_ op: DequantizeLinear) -> Term {
      let (codes, scale) = (Term(codes), Term(scale))
      var steps: Term = .op(Cast(to: .f32), [codes])
      if let zeros { steps = steps - spread(.constant(zeros, name: "zero_point"), op) }
      return steps * spread(scale, op)
    }

    /// Parameters in blocks, one for each element along the axis.
    private func spread(_ parameters: Term, _ op: DequantizeLinear) -> Term {
      guard op.blockSize > 0, let shape, let axis = shape.normalized(axis: op.axis),
        let size = shape[axis].size
      else { return parameters }
      let indices = AnyTensor(shape: [size], (0..<size).map { Int64($0 / op.blockSize) })
      return .op(Gather(axis: axis), [parameters, .constant(indices, name: "blocks")])
    }
  }

  private func dequantized(_ id: NodeID, _ graph: Graph) -> Dequantized? {
    let operands = graph[id].operands
    guard let codes = operands[0], graph[codes].type.element.bitWidth >= 8, let scale = operands[1],
      let scales = graph[scale].constant, scales.element == .f32
    else { return nil }
    var zeros: AnyTensor?
    if operands.count > 2, let operand = operands[2] {
      guard let tensor = graph[operand].constant, let integers = tensor.integers else { return nil }
      if integers.contains(where: { $0 != 0 }) {
        zeros = AnyTensor(shape: tensor.shape, integers.map { Float($0) })
      }
    }
    return Dequantized(
      codes: codes, scale: scale, shape: graph[codes].type.shape, zeros: zeros,
      count: scales.elementCount)
  }
}

extension Graph {
  /// Whether a quantizer reads a value, or what a Relu or Clip makes of it.
  fileprivate func isQuantized(_ value: ValueID) -> Bool {
    users(of: value).contains { user in
      self[user].op is QuantizeLinear
        || ((self[user].op is Relu || self[user].op is Clip) && isQuantized(self[user].result))
    }
  }
}
