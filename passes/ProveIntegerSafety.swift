import QATCore
import QATIR
import QATRewrite

/// Proves that the sums of integer products fit int32, and raises the scales of weights where they might
/// not.
///
///     %qw = qat.FakeQuantize(%w, %scale, %zero)      // 100,000 weights near the largest code
///     %y = MatMul(%qx, %qw)
///     ->
///     %qw = qat.FakeQuantize(%w, %scale.raised, %zero)
///     %y = MatMul(%qx, %qw)
///
/// A sum lies between the two that the least favourable activations give: every positive weight meets the
/// highest code and every negative one the lowest, or the other way round, counted from the zero point,
/// plus the bias; padding adds 0. Weights are the actual ones (where any others would do as well, they are
/// not looked at), activations all codes of their grid (of a `Clip`, where one narrows it). Where that
/// leaves int32, the channel's weight scale is raised until it does not, by a factor of 8 at most; where
/// |bias / (s_x·s_w)| > 2³⁰, until that holds. A remark says what was raised, from what to what and why.
/// What can't be repaired (too many weights, two activations, integer operations as they stand) is an
/// error that names the node.
///
/// Repairing changes the fake-quantized graph, biases follow: so it stands in front of lowering, and both
/// compute the same codes. Batch-norms that are still to be folded are reckoned with.
public struct ProveIntegerSafety: Pass {
  public static let name: PassName = "prove-integer-safety"
  public static let summary = "prove that integer sums fit int32; raise scales where they might not"
  public static let effect: Effect = .changesNumerics(
    "weight scales are raised where sums or biases could leave int32")
  public static let entersBodies = true
  public static let options: [PassOption<Self>] = [
    .init("summary", \.summary, "whether to say what was proven")
  ]

  /// Whether a remark says what was proven.
  public var summary = true

  public init() {}
  public init(summary: Bool) { self.summary = summary }

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    var proof = Proof()
    // Scales of folded channels depend on each other where a factor of a batch-norm is 0.
    for attempt in 0... {
      proof = Proof()
      let forms = try forms(of: graph)
      try proveProducts(in: forms.folded, &proof)
      if proof.repairs.isEmpty { break }
      for repair in proof.repairs {
        guard attempt < 4, try self.repair(repair, of: &graph, forms.constant) else {
          throw refusal(repair.node, "its scale can't be raised")
        }
        for reason in repair.safe.reasons { context.remark(.warning, node: repair.node, reason) }
      }
      try EliminateDeadNodes().run(on: &graph, &context)
    }
    try proveIntegerOps(in: graph, &proof)
    guard summary, let largest = proof.largest else { return }
    let percent = (largest.share * 1000).rounded() / 10
    context.remark(
      .note,
      "\(proof.count) integer products fit int32; the largest sum, of '\(largest.node)', takes up to "
        + "\(percent) % of it")
  }

  // MARK: - Products between grids

  /// The graph with its constants evaluated, and also with its batch-norms folded; biases are not
  /// rounded yet.
  private func forms(of graph: Graph) throws(Diagnostic) -> (constant: Graph, folded: Graph) {
    var context = PassContext()
    var constant = graph
    for id in graph.nodes {
      if var op = graph[id].op as? FakeQuantizeBias {
        op.bypass = true
        constant.setOperation(of: id, to: op)
      } else if var op = graph[id].op as? FoldedBiasRounding {
        op.bypass = true
        constant.setOperation(of: id, to: op)
      }
    }
    try FoldConstants().run(on: &constant, &context)
    var folded = constant
    if graph.nodes.contains(where: { graph[$0].op is BatchNormalization }) {
      try FoldBatchNorm().run(on: &folded, &context)
      try FoldConstants().run(on: &folded, &context)
    }
    return (constant, folded)
  }

  private func proveProducts(in graph: Graph, _ proof: inout Proof) throws(Diagnostic) {
    for id in graph.nodes {
      if graph[id].op is GlobalAveragePool {
        try proveAverage(id, in: graph, &proof)
        continue
      }
      guard case .weighted(let input, let weight, _, let bias) = graph.quantizationRole(of: id),
        let form = sums(of: id, weight, in: graph),
        let inputs = graph.centredRanges(of: graph[id].operands[input], padded: form.padded)
      else { continue }
      let name = graph[id].name
      do throws(Island) {
        if let product = ProductScales(of: id, input, weight, in: graph) {
          guard product.grid.bits <= 8 else { continue }
          if let codes = graph.codes(of: id, bias) {
            // A bias that is int32 already stands on the scale as it is: nothing to be raised.
            let bounds = AccumulatorBounds(
              inputs: inputs, weights: form.weights(product.centredCodes(product.weight)))
            try proof.check(name, bounds.ranges, bias: codes)
            continue
          }
          let safe = try SafeScales(
            product, inputs: inputs, bias: graph.floats(of: id, bias), terms: form.count,
            sums: form.weights)
          proof.note(name, safe.share)
          if safe.scales != product.weight { proof.repairs.append(Repair(node: name, safe: safe)) }
        } else if let ranges = graph.centredRanges(of: graph[id].operands[weight], padded: false),
          let count = form.count, let low = ranges.map(\.lowerBound).min(),
          let high = ranges.map(\.upperBound).max()
        {
          let bounds = AccumulatorBounds(
            inputs: inputs, weights: .any(low...high, count: count))
          try proof.check(name, bounds.ranges, bias: nil)
        }
      } catch { throw refusal(name, error.reason) }
    }
  }

  /// The sums of a product that has an integer form: whether padding adds zeros, how many terms there
  /// are, and the accumulators of a weight's codes.
  private func sums(
    of id: NodeID, _ weight: Int, in graph: Graph
  ) -> (
    padded: Bool, count: Int?, weights: @Sendable ([Int32]) -> AccumulatorBounds.Weights
  )? {
    guard let w = graph[id].operands[weight], let shape = graph[w].type.shape,
      let rank = Optional(shape.rank), rank > 1
    else { return nil }
    let sizes = shape.sizes
    switch graph[id].op {
    case let op as Conv:
      let count = sizes?.first ?? 0
      return (op.window.mayPad, sizes?.dropFirst().reduce(1, *), { .filters($0, count: count) })
    case let op as Gemm where op.alpha == 1 && op.beta == 1:
      let axis = op.transB ? 1 : 0
      return (false, shape[axis].size, { .matrices($0, shape: sizes ?? [], over: axis) })
    case is MatMul:
      return (
        false, shape[rank - 2].size, { .matrices($0, shape: sizes ?? [], over: rank - 2) }
      )
    default: return nil
    }
  }

  private func proveAverage(
    _ id: NodeID, in graph: Graph, _ proof: inout Proof
  ) throws(Diagnostic) {
    guard let inputs = graph.centredRanges(of: graph[id].operands[0], padded: false),
      let x = graph[id].operands[0], let shape = graph[x].type.shape, shape.rank > 2,
      let count = Shape(Array(shape.dimensions[2...])).elementCount.size
    else { return }
    let bounds = AccumulatorBounds(inputs: inputs, weights: .any(1...1, count: count))
    do throws(Island) {
      try proof.check(graph[id].name, bounds.ranges, bias: nil)
    } catch { throw refusal(graph[id].name, error.reason) }
  }

  /// - Parameter constant: the graph with constants evaluated.
  /// - Returns: whether the node's weight was found.
  private func repair(
    _ repair: Repair, of graph: inout Graph, _ constant: Graph
  ) throws(Diagnostic) -> Bool {
    guard let id = constant.node(named: repair.node), graph.contains(id),
      case .weighted(let input, let weight, _, _) = constant.quantizationRole(of: id),
      let own = ProductScales(of: id, input, weight, in: constant),
      own.weight.count == repair.safe.scales.count
    else { return false }
    // A batch-norm to be folded multiplies each scale: they are raised by the same factors.
    let scales = own.weight.indices.map { index -> Float in
      let (old, new) = (repair.safe.oldScales[index], repair.safe.scales[index])
      return own.weight[index] == old ? new : own.weight[index] * (new / old)
    }
    try own.replaceWeightScales(scales, in: &graph)
    return true
  }

  // MARK: - Integer operations

  private func proveIntegerOps(in graph: Graph, _ proof: inout Proof) throws(Diagnostic) {
    for id in graph.nodes {
      guard let op = graph[id].op as? any HasAccumulators else { continue }
      let name = graph[id].name
      guard let bounds = op.accumulators(of: id, in: graph) else { continue }
      let operand = op.summand.flatMap { index in
        index < graph[id].operands.count ? graph[id].operands[index] : nil
      }
      do throws(Island) {
        try proof.check(
          name, bounds.ranges, bias: operand.map { graph[$0].constant?.integers ?? [.max] })
      } catch { throw refusal(name, error.reason) }
    }
  }

  private func refusal(_ node: String, _ reason: String) -> Diagnostic {
    Diagnostic(
      .unsupported, "it can't be computed in int32: \(reason)", at: "node '\(node)'",
      hint: "leave the layer in float (quantize: false), or give it fewer bits")
  }
}

/// What is proven so far, and what is to be repaired.
private struct Proof {
  var count = 0
  var largest: (node: String, share: Double)?
  var repairs: [Repair] = []

  mutating func note(_ node: String, _ share: Double) {
    count += 1
    if share > largest?.share ?? -1 { largest = (node, share) }
  }

  /// - Parameter bias: int32 codes, one an accumulator or one for all.
  mutating func check(
    _ node: String, _ ranges: [ClosedRange<Int>], bias: [Int]?
  ) throws(Island) {
    var share = 0.0
    for (index, range) in ranges.enumerated() {
      var summands = bias ?? [0]
      if summands.count == ranges.count { summands = [summands[index]] }
      let low = range.lowerBound + (summands.min() ?? 0)
      let high = range.upperBound.addingReportingOverflow(summands.max() ?? 0).partialValue
      guard low >= Int(Int32.min), high <= Int(Int32.max), high >= low else {
        throw Island("its sums could reach \(high > Int(Int32.max) ? high : low), beyond int32")
      }
      share = max(share, AccumulatorBounds.share(low, high))
    }
    note(node, share)
  }
}

/// Scales to be put under the weight of a product.
private struct Repair {
  let node: String
  let safe: SafeScales
}

extension Graph {
  /// The codes behind a value on an 8-bit grid with one zero point, centred.
  fileprivate func centredRanges(of value: ValueID?, padded: Bool) -> [ClosedRange<Int>]? {
    guard let value, let node = producer(of: value), self[node].operands.count == 3,
      let zero = self[node].operands[2]
    else { return nil }
    switch self[node].op {
    case let op as FakeQuantize where op.grid.bits <= 8 && op.axis == nil:
      guard let zeros = self[zero].constant?.integers, zeros.count == 1 else { return nil }
      let low = op.grid.min - zeros[0], high = op.grid.max - zeros[0]
      return [padded ? min(low, 0)...max(high, 0) : low...high]
    case let op as DequantizeLinear where op.blockSize == 0:
      guard let codes = self[node].operands[0], self[codes].type.element.bitWidth <= 8 else {
        return nil
      }
      return centredRanges(codes: codes, zeroPoint: zero, padded: padded)
    default: return nil
    }
  }

  /// The constant bias of a node, one real number a channel.
  fileprivate func floats(of id: NodeID, _ index: Int?) -> [Float]? {
    guard let index, index < self[id].operands.count, let operand = self[id].operands[index],
      self[operand].type.shape?.rank == 1
    else { return nil }
    return self[operand].constant?.elements(as: Float.self)
  }

  /// The bias of a node where it is constant codes of int32.
  fileprivate func codes(of id: NodeID, _ index: Int?) -> [Int]? {
    guard let index, index < self[id].operands.count,
      let (node, _) = operation(DequantizeLinear.self, of: self[id].operands[index])
    else { return nil }
    return self[node].operands[0].flatMap { self[$0].constant?.integers }
  }
}
