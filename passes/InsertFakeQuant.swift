import QATCore
import QATIR
import QATRewrite

/// Puts fake-quantizers on the activations, weights and biases of the layers that are to be quantized.
///
///     %y = Conv(%x, %w, %b)
///     ->
///     %min1, %max1, %n1 = qat.Observe(%x, %x.min, %x.max, %x.batches)
///     %s, %z = qat.ScaleFromRange(%min1, %max1) {grid = "u8", scheme = "asymmetric"}
///     %1 = qat.FakeQuantize(%x, %s, %z) {grid = "u8"}
///     %min2, %max2 = qat.MinMax(%w) {axis = 0}
///     %s2, %z2 = qat.ScaleFromRange(%min2, %max2) {grid = "i8n"}
///     %2 = qat.FakeQuantize(%w, %s2, %z2) {grid = "i8n", axis = 0}
///     %3 = qat.FakeQuantizeBias(%b, %s, %s2)
///     %y = Conv(%1, %2, %3)                       // and the same for %y itself
///
/// Where the settings say `lsq`, `lsq+` or `pact`, the scale comes from variables that are trained:
///
///     %p, %h, %i, %n = qat.LearnRange(%x, %x.step, %x.zero, %x.initial, %x.batches) {method = "lsq"}
///     %s, %z = qat.ScaleFromLearned(%p, %h)
///     %1 = qat.FakeQuantize(%x, %s, %z) {straight_through = "lsq"}
///
/// The result of a product is quantized behind the batch-norm and the Relu or Clip that alone reads
/// it. A value has one quantizer; where layers ask for different grids, that of the product which
/// reads it counts, also through a MaxPool or Flatten that it alone is behind. Expects the settings that
/// `apply-layer-config` notes on the nodes.
///
/// A value that is read by activations alone which do not change outside of a range (`SettlesOutside`: a
/// HardSwish below -3) has its observed range cut there, and the codes for what matters.
///
/// Weights with a scale per group have one for each run of `block_size` input channels, at each output
/// channel and each position of a kernel (ONNX's blocks); their products compute in float, so their
/// biases stay in float too. With a single input channel a group would be one weight: such a layer gets
/// a scale per channel, and a remark. Recurrent layers have quantizers on their weights alone.
///
/// Bodies of control flow are quantized like graphs of their own. The state of their observers is in
/// variables of the graph, which they capture; scales in them are not learned.
public struct InsertFakeQuant: Pass {
  public static let name: PassName = "insert-fake-quant"
  public static let summary = "insert fake-quantizers by the layers' settings"
  public static let effect: Effect = .changesNumerics("values are rounded to integer grids")

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    guard try quantize(&graph, isBody: false, &context).isChanged else {
      throw Diagnostic(
        .configuration, "nothing is to be quantized",
        hint: "run apply-layer-config first, and look at its rules")
    }
  }

  /// Quantizes a graph and the bodies of control flow in it.
  /// - Returns: whether there was something to quantize; and the state of observers that a body is to
  ///   capture, as constants of it.
  private func quantize(
    _ graph: inout Graph, isBody: Bool, _ context: inout PassContext
  ) throws(Diagnostic) -> (isChanged: Bool, state: [ValueID]) {
    var plan = QuantizerPlacement(graph)
    plan.decide()
    for (node, message) in plan.remarks { context.remark(.warning, node: node, message) }
    var inserter = QuantizerInserter(graph, isBody: isBody)
    for value in plan.activations { try inserter.quantizeActivation(value) }
    for weight in plan.weights { try inserter.quantizeWeight(weight) }
    for bias in plan.biases { inserter.quantizeBias(bias) }
    for norm in plan.norms { inserter.quantizeFoldedBias(norm) }
    var isChanged = !plan.isEmpty
    for id in graph.nodes {
      var states: [[ValueID]] = []
      try inserter.builder.graph.mapBodies(of: id) { body throws(Diagnostic) in
        let (isBodyChanged, state) = try quantize(&body, isBody: true, &context)
        isChanged = isChanged || isBodyChanged
        states.append(state)
      }
      inserter.capture(states, in: id)
    }
    if let failure = inserter.builder.failure { throw failure }
    guard isChanged else { return (false, []) }
    graph = inserter.builder.graph
    // Every quantizer must stand before its readers, also where a reader stood in front of it.
    try graph.inferTypes()
    return (true, inserter.bodyState)
  }
}
