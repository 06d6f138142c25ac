import QATConfig
import QATCore
import QATIR
import QATRewrite

/// Gives each layer with weights a width of its own, so that the model meets a budget.
///
///     %a = Conv(%x, %w1) note("qat.weights" = "i8n symmetric per-channel min-max", ...)
///     %y = Gemm(%a, %w2) note("qat.weights" = "i8n symmetric per-channel min-max", ...)
///     ->
///     %a = Conv(%x, %w1) note("qat.weights" = "i8n symmetric per-channel min-max", ...)
///     %y = Gemm(%a, %w2) note("qat.weights" = "i4n symmetric per-channel min-max", ...)
///
/// One budget is to be given: `bytes` or `ratio` (of the float weights' size) takes the least noise
/// that fits; `sqnr` (dB at the outputs) the smallest model with no more noise; `drop` (points of
/// accuracy) the smallest whose measured score holds, found by bisection along the frontier. For
/// `sqnr` and `drop` a layer may stay in float where no width is good enough.
///
/// The noise of a layer at a width is that of the outputs when it alone is quantized, and noises add;
/// `WidthFrontier` says how the choice is made, and from which papers. Sizes count codes packed at
/// their width. Stands behind `apply-layer-config`, whose notes it changes; reads calibration data, a
/// `SensitivityTable` where the context has one, and leaves its `BitAssignment` there.
public struct AssignBits: Pass {
  public static let name: PassName = "assign-bits"
  public static let summary = "give layers widths of their own within a budget"
  public static let effect: Effect = .exact
  public static let options: [PassOption<Self>] = [
    .init("bits", \.bits, "the widths to choose from"),
    .init("bytes", \.bytes, "the most bytes that the weights may have; 0 for no such budget"),
    .init("ratio", \.ratio, "the same as a share of the float weights"),
    .init("sqnr", \.sqnr, "the least signal against noise at the outputs, in dB"),
    .init("drop", \.drop, "the most points of accuracy to lose; needs a score in the context"),
    .init("batches", \.batches, "calibration batches to measure noise on; 0 for all there are"),
  ]

  /// Widths, as `8+4` or `w8a8+w4a8`.
  public var bits = "8+4"
  /// The largest size of all weights, with packed codes; 0 for none.
  public var bytes = 0
  /// The largest size as a share of that in float; 0 for none.
  public var ratio: Float = 0
  /// 0 for no such budget.
  public var sqnr: Float = 0
  /// Below 0 for no such budget.
  public var drop: Float = -1
  /// Calibration batches to measure on; 0 for all.
  public var batches = 8

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    let budget = try budget()
    let widths = try LayerWidth.list(bits)
    let table = try sensitivities(of: graph, widths, context)
    var choices: [[BitAssignment.Choice]] = []
    for layer in table.layers {
      let entries = table.entries.filter { $0.layer == layer && $0.weightCount > 0 }
      let sized = entries.compactMap { entry in
        entry.width.map { width in
          BitAssignment.Choice(
            layer: layer, width: width, bytes: (entry.weightCount * width.weights + 7) / 8,
            noise: entry.noise)
        }
      }
      if !sized.isEmpty { choices.append(sized) }
    }
    guard !choices.isEmpty else {
      throw Diagnostic(
        .configuration, "no layer has weights that are quantized",
        hint: "run apply-layer-config first, and look at its rules")
    }
    let floatBytes = table.layers.reduce(0) { sum, layer in
      sum + 4 * (table.entries.first { $0.layer == layer }?.weightCount ?? 0)
    }
    let assignment = try assignment(budget, choices, floatBytes, of: graph, table, context)
    try apply(assignment, to: &graph)
    context[BitAssignment.self] = assignment
    for choice in assignment.choices {
      context.remark(node: choice.layer, choice.reason)
    }
    context.remark(
      .note,
      "\(assignment.bytes) bytes of weights (\(fixed(100 * Double(assignment.bytes) / Double(floatBytes), 1)) % "
        + "of float), \(fixed(assignment.sqnr, 1)) dB expected at the outputs")
  }

  // MARK: - Budgets

  private enum Budget { case bytes(Int), ratio(Double), noise(Double), drop(Double) }

  private func budget() throws(Diagnostic) -> Budget {
    var budgets: [Budget] = []
    if bytes > 0 { budgets.append(.bytes(bytes)) }
    if ratio > 0 { budgets.append(.ratio(Double(ratio))) }
    if sqnr != 0 { budgets.append(.noise(noise(ofDecibels: Double(sqnr)))) }
    if drop >= 0 { budgets.append(.drop(Double(drop) / 100)) }
    guard budgets.count == 1, bytes >= 0, ratio >= 0 else {
      throw Diagnostic(
        .invalidOption, "\(budgets.isEmpty ? "no budget" : "\(budgets.count) budgets")",
        hint: "give one of bytes, ratio, sqnr and drop")
    }
    return budgets[0]
  }

  private func assignment(
    _ budget: Budget, _ choices: [[BitAssignment.Choice]], _ floatBytes: Int, of graph: Graph,
    _ table: SensitivityTable, _ context: PassContext
  ) throws(Diagnostic) -> BitAssignment {
    let frontier = WidthFrontier(choices)
    // As a last resort a layer may stay in float: four bytes an element, and no noise.
    let counts = choices.map { layer in
      table.entries.first { $0.layer == layer[0].layer }?.weightCount ?? 0
    }
    let withFloat = WidthFrontier(
      zip(choices, counts).map { layer, count in
        layer + [.init(layer: layer[0].layer, width: nil, bytes: 4 * count, noise: 0)]
      })
    switch budget {
    case .bytes(let most): return try fitting(frontier, most)
    case .ratio(let share): return try fitting(frontier, Int(share * Double(floatBytes)))
    case .noise(let most):
      // The float form of every layer has no noise at all, so there is an answer.
      return frontier.within(noise: most) ?? withFloat.within(noise: most)
        ?? withFloat[withFloat.count - 1]
    case .drop(let most):
      guard let score = context[ModelScore.self] else {
        throw Diagnostic(
          .invalidOption, "a budget of accuracy needs labelled data",
          hint: "use qat-opt assign-bits --max-drop, or put a ModelScore into the context")
      }
      let least = try score.measure(graph) - most
      func holds(_ assignment: BitAssignment) throws(Diagnostic) -> Bool {
        try score.measure(try quantized(graph, assignment, context)) >= least
      }
      for frontier in [frontier, withFloat] {
        if let found = try Self.smallest(frontier, holds) { return found }
      }
      return withFloat[withFloat.count - 1]
    }
  }

  private func fitting(
    _ frontier: WidthFrontier, _ bytes: Int
  ) throws(Diagnostic) -> BitAssignment {
    guard let found = frontier.within(bytes: bytes) else {
      throw Diagnostic(
        .configuration,
        "\(bytes) bytes are too few: at \(bits) the weights have "
          + "\(frontier[0].bytes) at least",
        hint: "offer fewer bits, or raise the budget")
    }
    return found
  }

  /// The smallest assignment that holds, if the one with the least noise does; by bisection.
  private static func smallest(
    _ frontier: WidthFrontier, _ holds: (BitAssignment) throws(Diagnostic) -> Bool
  ) throws(Diagnostic) -> BitAssignment? {
    var high = frontier.count - 1, low = -1
    guard try holds(frontier[high]) else { return nil }
    while high - low > 1 {
      let middle = (low + high) / 2
      if try holds(frontier[middle]) { high = middle } else { low = middle }
    }
    return frontier[high]
  }

  // MARK: - Parts

  private func sensitivities(
    of graph: Graph, _ widths: [LayerWidth], _ context: PassContext
  ) throws(Diagnostic) -> SensitivityTable {
    if let table = context[SensitivityTable.self] {
      for layer in graph.quantizedLayers.map({ graph[$0].name }) {
        for width in widths where table.entry(layer, width) == nil {
          throw Diagnostic(
            .invalidData, "the sensitivities have no entry for '\(layer)' at \(width) bits",
            hint: "measure them for this model and these widths")
        }
      }
      return table
    }
    guard let data = context[CalibrationData.self] else {
      throw Diagnostic(.invalidData, "no calibration data", hint: "give --data")
    }
    return try SensitivityTable(of: graph, widths: widths, context) { graph throws(Diagnostic) in
      try Probe(graph, on: data, batches: batches, threads: context.threads)
    }
  }

  private func apply(_ assignment: BitAssignment, to graph: inout Graph) throws(Diagnostic) {
    for choice in assignment.choices {
      guard let id = graph.node(named: choice.layer), var settings = graph.layerSettings(of: id)
      else { continue }
      if let width = choice.width {
        settings = try settings.atWidth(width)
      } else {
        (settings.weights, settings.activations) = (nil, nil)
      }
      settings.decidedBy.append("\(Self.name): \(choice.reason)")
      graph.setLayerSettings(settings, of: id)
    }
  }

  private func quantized(
    _ graph: Graph, _ assignment: BitAssignment, _ context: PassContext
  ) throws(Diagnostic) -> Graph {
    var result = graph
    try apply(assignment, to: &result)
    return result.quantizedLayers.isEmpty ? result : try result.fakeQuantized(context)
  }
}

extension BitAssignment.Choice {
  /// Why, in words.
  fileprivate var reason: String {
    guard let width else { return "float: no width is good enough" }
    return "\(width) bits, \(bytes) bytes, \(fixed(sqnr, 1)) dB alone"
  }
}
