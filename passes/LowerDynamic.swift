import QATCore
import QATIR
import QATRewrite

/// Lets products quantize their activations when they run, by the range of each tensor that comes.
///
///     %w = DequantizeLinear(%codes, %scale, %zero) {axis = 1}
///     %y = MatMul(%x, %w)
///     ->
///     %q, %s, %z = DynamicQuantizeLinear(%x)
///     %acc = MatMulInteger(%q, %codes, %z, %zero)
///     %y = Mul(Cast(%acc), Mul(%s, %scale))
///
/// The sums are exact: y = f32(Σ (q - z)·(codes - zero)) · (s·scale), and then the bias in float, as for
/// Conv with `ConvInteger`. Activations are uint8 with one scale a tensor, of all its samples together,
/// so a result depends on what else is in the batch; no data is needed to calibrate.
///
/// Those products take part whose weight `quantize-weights` made codes of 8 bits or fewer, per tensor
/// or per channel, except where `apply-layer-config` noted that activations are float. A remark says why
/// another one stays.
public struct LowerDynamic: Pass {
  public static let name: PassName = "lower-dynamic"
  public static let summary = "quantize activations when running, by their own range"
  public static let effect: Effect = .changesNumerics("activations are rounded to 8 bits")
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    var editor = GraphEditor(graph)
    for id in graph.nodes where editor.graph.contains(id) {
      let now = editor.graph
      guard let weight = ConstantWeight(of: id, in: now), !weight.isBetweenCodes,
        now[id].metadata["qat.activations"] != "float"
      else { continue }
      do throws(Island) {
        editor.replace(id, with: try DynamicProduct(id, weight, in: now).term)
      } catch { context.remark(node: now[id].name, "keeps its activations: \(error.reason)") }
    }
    if let failure = editor.builder.failure { throw failure }
    graph = editor.graph
    try FoldConstants().run(on: &graph, &context)
    // Products that read one value share what quantizes it.
    try EliminateCommonSubexpressions().run(on: &graph, &context)
  }
}
