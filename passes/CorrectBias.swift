import QATCore
import QATIR
import QATRewrite

/// Takes from the bias of each quantized product what quantizing adds to its output on average.
///
///     %y = Conv(%qx, %qw, %b)               // qx, qw: quantized
///     ->
///     %y = Conv(%qx, %qw, %b1)              // b1 = b - (mean of %y - mean of %y in float), a channel
///
/// Means are over the calibration data. Products are corrected in order, each with the ones in front of
/// it corrected: the float model is the graph with quantizers that let values through, and its biases
/// of before. A product without a bias gets one; where a batch-norm follows, its statistics or its
/// bias take the correction. A `MatMul`, which has no bias, is left alone, and a remark says so.
/// Run it behind `calibrate`, before `freeze`.
///
/// Source: Nagel et al., arXiv:1906.04721, section 4.2 (with data: appendix D).
public struct CorrectBias: Pass {
  public static let name: PassName = "correct-bias"
  public static let summary = "absorb the mean error of quantization into biases"
  public static let effect: Effect = .changesNumerics("biases of quantized products move")
  public static let options: [PassOption<Self>] = [
    .init("batches", \.batches, "batches to run at most; 0 for all there are")
  ]

  /// Batches to run at most; 0 for all there are.
  public var batches = 0

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    let count = graph.fakeQuantizedProductsInBodies
    if count > 0 {
      context.remark(
        .warning, "\(count) products in bodies of control flow keep their mean errors")
    }
    let products = graph.nodes.filter { graph.isFakeQuantizedProduct($0) }
    if products.isEmpty { return }
    let float = graph.withObservers(training: true, limit: 0)
    let wanted = try means(of: products, in: float, &context)
    for group in graph.levels(of: products) {
      // The correction is rounded with the bias, once: what rounding does to the old bias is no error.
      let found = try means(of: group, in: graph.withExactBiases(of: group), &context)
      for product in group {
        guard let a = wanted[product], let b = found[product] else { continue }
        let error = zip(b, a).map { $0 - $1 }
        let largest = error.map(abs).max() ?? 0
        if try graph.subtract(error, fromResultOf: product) {
          context.remark(
            node: graph[product].name, "a mean error of up to \(Float(largest)) goes into the bias")
        } else {
          context.remark(
            .warning, node: graph[product].name,
            "its mean error of up to \(Float(largest)) stays: it has no bias of its own")
        }
      }
    }
  }

  /// The mean of each channel of the results.
  private func means(
    of products: [NodeID], in graph: Graph, _ context: inout PassContext
  ) throws(Diagnostic) -> [NodeID: [Double]] {
    var moments = Array(repeating: ChannelMoments(), count: products.count)
    let axes = products.map { graph.channelAxis(ofResult: $0) }
    try graph.measure(products.map { graph[$0].result }, batches: batches, &context) { tensors in
      for (index, tensor) in tensors.enumerated() { moments[index].add(tensor, axis: axes[index]) }
    }
    return Dictionary(uniqueKeysWithValues: zip(products, moments.map(\.mean)))
  }
}

extension Graph {
  /// Whether a node is a product with a quantized operand and a weight.
  fileprivate func isFakeQuantizedProduct(_ id: NodeID) -> Bool {
    guard case .weighted(let input, let weight, _, _) = quantizationRole(of: id),
      let x = self[id].operands[input], let w = self[id].operands[weight], isParameter(w),
      !isParameter(x)
    else { return false }
    return [x, w].contains { operation(FakeQuantize.self, of: $0) != nil }
  }

  /// How many quantized products the bodies of nodes have.
  fileprivate var fakeQuantizedProductsInBodies: Int {
    nodes.flatMap { self[$0].op.controlFlow?.bodies ?? [] }.reduce(0) { count, body in
      count + body.nodes.count { body.isFakeQuantizedProduct($0) }
        + body.fakeQuantizedProductsInBodies
    }
  }

  /// The graph with products whose biases are not rounded.
  fileprivate func withExactBiases(of products: [NodeID]) -> Graph {
    var result = self
    for case .some(let bias) in products.flatMap({ self[$0].operands }) {
      guard let (node, _) = operation(FakeQuantizeBias.self, of: bias) else { continue }
      result.setOperation(of: node, to: FakeQuantizeBias(bypass: true))
    }
    return result
  }

  /// The channels of a product's result.
  fileprivate func channelAxis(ofResult id: NodeID) -> Int {
    let rank = self[self[id].result].type.shape?.rank ?? 2
    return self[id].op is MatMul ? rank - 1 : 1
  }

  /// Lets the result of a product be less by a number a channel.
  /// - Returns: false where there is no bias, and no place for one.
  fileprivate mutating func subtract(
    _ error: [Double], fromResultOf product: NodeID
  ) throws(Diagnostic) -> Bool {
    let result = self[product].result
    if isUsedOnce(result), let reader = users(of: result).first {
      // Behind a batch-norm, x - error with the mean is x with mean + error.
      if let norm = self[reader].op as? BatchNormalization, !norm.trainingMode,
        move(error.map { -$0 }, operand: 3, of: reader)
      {
        return true
      }
      if self[reader].op is FoldedBatchNormalization {
        return move(error, operand: 2, of: reader)
      }
    }
    guard case .weighted(let input, let weight, _, .some(let index)) = quantizationRole(of: product)
    else { return false }
    if self[product].operands.count > index, let bias = self[product].operands[index] {
      if let (node, _) = operation(FakeQuantizeBias.self, of: bias), isUsedOnce(bias) {
        return move(error, operand: 0, of: node)
      }
      return move(error, operand: index, of: product)
    }
    try addBias(error.map { -$0 }, to: product, input, weight, index)
    return true
  }

  /// Subtracts from a parameter that is an operand; one that others read too is copied first, unless
  /// they are arithmetic of the same batch-norm.
  private mutating func move(_ error: [Double], operand index: Int, of node: NodeID) -> Bool {
    guard let value = self[node].operands[index], let old = self[value].parameter,
      let elements = old.doubles, elements.count == error.count
    else { return false }
    let others = users(of: value).filter { $0 != node }
    let isOwn = others.allSatisfy {
      self[$0].op is FoldedBiasRounding || isParameter(self[$0].result)
    }
    var target = value
    if !isOwn || isOutput(value) {
      let name = freeValueName(self[value].name + ".corrected")
      target = self[value].variable == nil ? addConstant(name, old) : addVariable(name, old)
      setOperand(index, of: node, to: target)
    }
    setParameter(target, to: zip(elements, error).map { $0 - $1 })
    return true
  }

  /// Adds a bias, rounded as lowering will where both factors are on grids.
  private mutating func addBias(
    _ numbers: [Double], to product: NodeID, _ input: Int, _ weight: Int, _ index: Int
  ) throws(Diagnostic) {
    let name = freeValueName(self[product].name + ".bias")
    let tensor =
      self[self[product].result].type.element == .f64
      ? AnyTensor(shape: [numbers.count], numbers)
      : AnyTensor(shape: [numbers.count], numbers.map { Float($0) })
    let trains = variables.contains { isBehind($0, self[product].operands[weight]) }
    var bias = trains ? addVariable(name, tensor) : addConstant(name, tensor)
    let scales = [input, weight].map { operand -> ValueID? in
      operation(FakeQuantize.self, of: self[product].operands[operand])
        .flatMap { self[$0.node].operands[1] }
    }
    if let x = scales[0], let w = scales[1], self[x].type.shape?.rank == 0,
      LayerSettings(metadata: self[product].metadata)?.quantizeBias ?? true
    {
      let quantized = try addNode(
        FakeQuantizeBias(), [bias, x, w], name: name + ".quantized", before: product)
      bias = self[quantized].result
    }
    setOperands(of: product, to: Array(self[product].operands.prefix(index)) + [bias])
  }

  /// Whether a parameter is computed from another one.
  private func isBehind(_ source: ValueID, _ value: ValueID?) -> Bool {
    guard let value else { return false }
    if value == source { return true }
    guard let node = producer(of: value) else { return false }
    return self[node].operands.contains { isBehind(source, $0) }
  }
}
