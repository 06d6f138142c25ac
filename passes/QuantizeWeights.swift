import QATCore
import QATIR
import QATRewrite

/// Puts weights and biases on their grids for good: codes as constants, and a `DequantizeLinear`.
///
///     %1 = qat.FakeQuantize(%w, %scale, %zero_point) {grid = "i8n", axis = 0}
///     ->
///     constant %codes: i8[...]
///     %1 = DequantizeLinear(%codes, %scale, %zero) {axis = 0}
///
/// A bias becomes int32 codes on the scale `s_x * s_w` of the product it is added to, also one that no
/// `qat.FakeQuantizeBias` marks yet. Where |b / (s_x * s_w)| > 2^30 in a channel, that channel's `s_w`
/// is raised until it is not (a power of two to the next one), and a remark says so. Expects
/// constants: run `freeze` and `fold-constants` first.
public struct QuantizeWeights: Pass {
  public static let name: PassName = "quantize-weights"
  public static let summary = "make weights and biases integer codes"
  // Weights are exact; a bias moves by half a step of the accumulator, which results are many of.
  public static let effect: Effect = .within(relativeTolerance: 1e-3)
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    for id in graph.nodes where graph.contains(id) {
      guard case .weighted(let input, let weight, _, let bias) = graph.quantizationRole(of: id)
      else {
        continue
      }
      if let bias, let product = ProductScales(of: id, input, weight, in: graph) {
        try quantizeBias(of: id, bias, product, in: &graph, &context)
      }
    }
    var editor = GraphEditor(graph)
    for id in graph.nodes where editor.graph.contains(id) {
      guard let quantizer = editor.graph[id].op as? FakeQuantize,
        let x = editor.graph[id].operands[0], editor.graph[x].constant != nil,
        let scale = editor.graph[id].operands[1], let zero = editor.graph[id].operands[2]
      else { continue }
      var dequantize = DequantizeLinear()
      if let axis = quantizer.axis { dequantize.axis = axis }
      dequantize.blockSize = quantizer.blockSize
      let codes = quantizedCodes(
        Term(x), Term(scale), zeroPoint: Term(zero), grid: quantizer.grid, axis: quantizer.axis,
        blockSize: quantizer.blockSize)
      let zeroPoint = codesOfZero(Term(zero), quantizer.grid)
      editor.replace(id, with: dequantize, [codes, Term(scale), zeroPoint])
    }
    if let failure = editor.builder.failure { throw failure }
    graph = editor.graph
    try FoldConstants().run(on: &graph, &context)
  }

  private func quantizeBias(
    of id: NodeID, _ index: Int, _ product: ProductScales, in graph: inout Graph,
    _ context: inout PassContext
  ) throws(Diagnostic) {
    guard index < graph[id].operands.count, let operand = graph[id].operands[index] else { return }
    let value =
      graph.operation(FakeQuantizeBias.self, of: operand).flatMap { graph[$0.node].operands[0] }
      ?? operand
    guard let bias = graph[value].constant?.elements(as: Float.self),
      let channels = graph[value].type.shape?.sizes, channels.count == 1
    else { return }
    var scales = product.weight
    if scales.count == 1 && bias.count > 1, let worst = bias.map(abs).max() {
      raise(&scales[0], for: worst, product.input, node: graph[id].name, channel: nil, &context)
    } else if scales.count == bias.count {
      for (channel, b) in bias.enumerated() {
        raise(
          &scales[channel], for: abs(b), product.input, node: graph[id].name, channel: channel,
          &context)
      }
    }
    if scales != product.weight { try product.replaceWeightScales(scales, in: &graph) }
    let steps = bias.indices.map { product.input * scales[scales.count == 1 ? 0 : $0] }
    let codes = zip(bias, steps).map { b, step in
      Int32(max(-2_147_483_648, min(2_147_483_520, (b / step).rounded(.toNearestOrEven))))
    }
    let perChannel = scales.count > 1
    let name = graph[value].name
    let node = try graph.addNode(
      DequantizeLinear(axis: 0),
      [
        graph.addConstant(graph.freeValueName(name + ".codes"), AnyTensor(shape: channels, codes)),
        graph.addConstant(
          graph.freeValueName(name + ".scale"),
          perChannel ? AnyTensor(shape: channels, steps) : AnyTensor(steps[0])),
        graph.addConstant(
          graph.freeValueName(name + ".zero_point"),
          perChannel
            ? AnyTensor(shape: channels, Array(repeating: Int32(0), count: channels[0]))
            : AnyTensor(Int32(0))),
      ], name: graph.freeValueName(name + ".dequantized"), before: id)
    graph.setOperand(index, of: id, to: graph[node].result)
  }

  private func raise(
    _ scale: inout Float, for bias: Float, _ inputScale: Float, node: String, channel: Int?,
    _ context: inout PassContext
  ) {
    let limit = Float(1 << 30)
    guard bias / (inputScale * scale) > limit else { return }
    var raised = bias / (inputScale * limit)
    // A power of two stays one.
    if scale.significand == 1, raised.significand > 1 {
      raised = Float(sign: .plus, exponent: raised.exponent + 1, significand: 1)
    }
    context.remark(
      .warning, node: node,
      "the weight scale\(channel.map { " of channel \($0)" } ?? "") was raised from \(scale) to "
        + "\(raised), so that the bias \(bias) fits into int32")
    scale = raised
  }
}
