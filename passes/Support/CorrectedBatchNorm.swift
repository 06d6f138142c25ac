import QATCore
import QATIR
import QATRewrite

extension Graph {
  /// Puts the correction to the batch's statistics in place of the mark of a folded batch-norm.
  ///
  /// - Returns: the running statistics and what they become; none where they are constants.
  /// - Throws: `invalid-graph` where no product stands in front of the mark.
  mutating func correctBatchNorm(
    _ id: NodeID, _ mark: FoldedBatchNormalization
  ) throws(Diagnostic) -> [(variable: ValueID, value: ValueID)] {
    let node = self[id]
    guard let x = node.operands[0], let mean = node.operands[3], let variance = node.operands[4],
      self[mean].variable != nil, self[variance].variable != nil
    else { return [] }
    guard let product = producer(of: x),
      case .weighted(let input, _, _, .some(let biasIndex)) = quantizationRole(of: product),
      self[product].operands.count > biasIndex, let folded = self[product].operands[biasIndex]
    else {
      throw Diagnostic(
        .invalidGraph, "there is no product in front of the folded batch-norm",
        at: "node '\(node.name)'", hint: "keep what prepare-batchnorm made as it is")
    }
    var builder = GraphBuilder(self, before: id)
    builder.namePrefix = node.name + "."
    builder.origins = node.origins.isEmpty ? [node.name] : node.origins
    let op = self[product].op
    var inputs = self[product].operands
    inputs[biasIndex] = nil
    let unbiased = builder.emit(
      op, Array(inputs.prefix(biasIndex)), name: self[product].name + ".unbiased")
    let own = node.operands.count > 5 ? node.operands[5] : nil
    let results: [ValueID]
    if node.operands.count > 6, let weight = node.operands[6], let source = inputs[input] {
      let plain = builder.emit(op, [source, weight], name: self[product].name + ".float")
      results = FloatStatistics(mark, node.operands, own: own)
        .correct(unbiased, by: plain, in: &builder)
    } else {
      results = builder.emit(
        BatchNormalizationCorrection(epsilon: mark.epsilon, momentum: mark.momentum),
        [unbiased] + node.operands[1...4] + [folded, own], results: 3,
        name: node.name + ".training")
    }
    if let failure = builder.failure { throw failure }
    self = builder.graph
    try replaceAllUses(of: node.result, with: results[0])
    remove(id)
    if isUnused(x) { remove(product) }
    return [(mean, results[1]), (variance, results[2])]
  }
}

/// The correction with statistics of a second product, whose weight is not quantized.
///
///     y = x · σ/σ_B + (bias - scale · μ_B/σ_B)
private struct FloatStatistics {
  private let scale, bias, mean, variance: Term
  private let own: Term?
  private let epsilon: Float, momentum: Float

  init(_ mark: FoldedBatchNormalization, _ operands: [ValueID?], own: ValueID?) {
    let parameters = operands[1...4].compactMap { $0.map { Term($0) } }
    (scale, bias, mean, variance) = (parameters[0], parameters[1], parameters[2], parameters[3])
    self.own = own.map { Term($0) }
    (epsilon, momentum) = (mark.epsilon, mark.momentum)
  }

  func correct(
    _ x: ValueID, by plain: ValueID, in builder: inout GraphBuilder
  ) -> [ValueID] {
    let rank = builder.type(of: plain).shape?.rank ?? 2
    let axes = Term(builder.integers([0] + Array(2..<max(rank, 2))))
    let center: Term = .op(ReduceMean(), [Term(plain), axes])
    let apart = Term((Term(plain) - center).emit(in: &builder))
    let kept = ReduceMean(keepDimensions: false)
    let batchMean = Term(builder.emit(kept, [plain, axes.emit(in: &builder)]))
    let batchVariance = Term(Term.op(kept, [apart * apart, axes]).emit(in: &builder))
    let deviation = Term((batchVariance + epsilon).squareRoot().emit(in: &builder))
    let running: Term = (.op(StopGradient(), [variance]) + epsilon).squareRoot()
    let shift = bias - scale * batchMean / deviation
    // With these statistics it is a product and a sum along channels.
    let zero = Term { $0.constant(vector(like: scale, 0, in: &$0), name: "zero") }
    let one = Term { $0.constant(vector(like: scale, 1, in: &$0), name: "one") }
    let y = Term.op(
      BatchNormalization(epsilon: 0), [Term(x), running / deviation, shift, zero, one]
    ).emit(in: &builder)
    let seen = own.map { batchMean + $0 } ?? batchMean
    return [
      y, blend(mean, seen).emit(in: &builder), blend(variance, batchVariance).emit(in: &builder),
    ]
  }

  private func blend(_ old: Term, _ new: Term) -> Term {
    scaled(old, by: momentum) + scaled(new, by: 1 - momentum)
  }

  private func scaled(_ term: Term, by factor: Float) -> Term {
    Term { builder in
      let value = term.emit(in: &builder)
      return builder.emit(Mul(), [value, builder.scalar(Double(factor), like: value)])
    }
  }
}

/// A vector of one number, of the type of a parameter.
private func vector(like term: Term, _ number: Float, in builder: inout GraphBuilder) -> AnyTensor {
  let type = builder.type(of: term.emit(in: &builder))
  let sizes = type.shape?.sizes ?? []
  let count = sizes.reduce(1, *)
  return type.element == .f64
    ? AnyTensor(shape: sizes, Array(repeating: Double(number), count: count))
    : AnyTensor(shape: sizes, Array(repeating: number, count: count))
}
