import QATCore

extension Attention: Differentiable {
  /// With the probabilities p, the capped scores c and the joined keys and values k, v computed
  /// again:
  ///
  ///     dv = pᵀ dy;  dp = dy vᵀ;  dz = p · (dp - Σ dp·p);  ds = dz · (1 - (c / softcap)²)
  ///     dq = scale · ds k;  dk = scale · dsᵀ q;  dmask = dz, summed to its shape
  ///
  /// Heads of q that share one of k and v are taken as more queries of one head.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let layout = try HeadLayout(of: self, call, builder)
    var again = self
    again.scoreStage = .probability
    let forward = builder.emit(again, call.operands, results: 4)
    let keys = forward[1], values = forward[2], scores = forward[3]
    let p = layout.shared(scores, &builder)
    func seed(_ index: Int) -> ValueID? { index < call.seeds.count ? call.seeds[index] : nil }
    func scoreSeed(_ stage: ScoreStage, _ builder: inout GraphBuilder) -> ValueID? {
      stage == scoreStage ? seed(3).map { layout.shared($0, &builder) } : nil
    }

    var dp = scoreSeed(.probability, &builder), dValues = seed(2)
    if let dy = seed(0) {
      let rows = layout.shared(layout.split(dy, layout.heads, &builder), &builder)
      dp = builder.sum(dp, builder.matrixProduct(rows, builder.transposed(values)))
      dValues = builder.sum(dValues, builder.matrixProduct(builder.transposed(p), rows))
    }
    var dz = dp.map { builder.emit(SoftmaxGradient(axis: -1), [$0, p]) }
    dz = builder.sum(dz, scoreSeed(.biased, &builder))
    let dMask = call.needs(3) ? dz.map { maskGradient($0, call, like: scores, &builder) } : nil
    var ds = builder.sum(dz, scoreSeed(.capped, &builder))
    if softcap > 0, let dc = ds {
      again.scoreStage = .capped
      let capped = layout.shared(builder.emit(again, call.operands, results: 4)[3], &builder)
      let ratio = builder.multiply(capped, by: 1 / Double(softcap))
      let slope = builder.subtract(builder.multiply(ratio, ratio), from: 1)
      ds = builder.multiply(dc, slope)
    }
    ds = builder.sum(ds, scoreSeed(.product, &builder))

    var dq: ValueID?, dKeys = seed(1)
    if let ds {
      let scaled = builder.multiply(ds, by: layout.scale)
      let q = layout.split(call.operand(0), layout.heads, &builder)
      dq = layout.joined(
        builder.matrixProduct(scaled, keys), from: q, like: call.operand(0), &builder)
      let rows = layout.shared(q, &builder)
      dKeys = builder.sum(dKeys, builder.matrixProduct(builder.transposed(scaled), rows))
    }
    let (dPastKey, dk) = layout.divided(dKeys, call, past: 4, new: 1, &builder)
    let (dPastValue, dv) = layout.divided(dValues, call, past: 5, new: 2, &builder)
    return [dq, dk, dv, dMask, dPastKey, dPastValue, nil]
  }

  /// `dz`, of the part of the scores that the mask reaches, summed to its shape.
  private func maskGradient(
    _ dz: ValueID, _ call: GradientCall, like scores: ValueID, _ builder: inout GraphBuilder
  ) -> ValueID {
    let mask = call.operand(3)
    let all = builder.emit(ReshapeLike(), [dz, scores])
    let length = builder.emit(ShapeOp(start: -1), [mask])
    let reached = builder.emit(
      Slice(), [all, builder.integers([0]), length, builder.integers([-1])])
    return builder.reduce(reached, like: mask)
  }
}

/// Tensors of heads in the forms that gradients of an attention need them in.
private struct HeadLayout {
  let isFlat: Bool
  let heads: Int
  let keyHeads: Int
  let scale: Double

  init(of op: Attention, _ call: GradientCall, _ builder: GraphBuilder) throws(Diagnostic) {
    let sizes = try AttentionSizes(
      of: op, builder.graph.operands(call.operands, resultCount: call.results.count))
    guard let headSize = sizes.headSize.size, let heads = sizes.heads.size,
      let keyHeads = sizes.keyHeads.size
    else {
      throw Diagnostic(
        .unsupported, "the heads' number or size is unknown, so \(Attention.name) has no gradient",
        hint: "declare the shapes of the graph's inputs")
    }
    isFlat = sizes.isFlat
    (self.heads, self.keyHeads) = (heads, keyHeads)
    scale = Double(op.scale ?? 1 / Float(headSize).squareRoot())
  }

  /// An operand or a seed as [B,heads,L,D].
  func split(_ x: ValueID, _ heads: Int, _ builder: inout GraphBuilder) -> ValueID {
    guard isFlat else { return x }
    let rows = builder.emit(Reshape(), [x, builder.integers([0, 0, heads, -1])])
    return builder.emit(Transpose(perm: [0, 2, 1, 3]), [rows])
  }

  /// [B,heads,L,D] as [B,Hk,heads / Hk · L,D].
  func shared(_ x: ValueID, _ builder: inout GraphBuilder) -> ValueID {
    heads == keyHeads
      ? x : builder.emit(Reshape(), [x, builder.integers([0, keyHeads, -1, 0])])
  }

  /// The gradient of an operand: shaped as `split` first, as the operand then.
  func joined(
    _ gradient: ValueID, from split: ValueID, like x: ValueID, _ builder: inout GraphBuilder
  ) -> ValueID {
    let heads = builder.emit(ReshapeLike(), [gradient, split])
    guard isFlat else { return heads }
    return builder.emit(
      ReshapeLike(), [builder.emit(Transpose(perm: [0, 2, 1, 3]), [heads]), x])
  }

  /// The gradient of joined keys or values, of the past and of the new ones.
  func divided(
    _ gradient: ValueID?, _ call: GradientCall, past: Int, new: Int, _ builder: inout GraphBuilder
  ) -> (past: ValueID?, new: ValueID?) {
    guard let gradient else { return (nil, nil) }
    let split = split(call.operand(new), keyHeads, &builder)
    var parts: [ValueID?] = [nil, gradient]
    if past < call.operands.count, let before = call.operands[past] {
      parts = builder.emit(ConcatGradient(axis: 2), [gradient, before, split], results: 2)
    }
    let own = parts[1].map { joined($0, from: split, like: call.operand(new), &builder) }
    return (parts[0], own)
  }
}

extension GraphBuilder {
  fileprivate mutating func sum(_ a: ValueID?, _ b: ValueID?) -> ValueID? {
    guard let a, let b else { return a ?? b }
    return add(a, b)
  }
  fileprivate mutating func matrixProduct(_ a: ValueID, _ b: ValueID) -> ValueID {
    emit(MatMul(), [a, b])
  }
  /// The last two of four axes swapped.
  fileprivate mutating func transposed(_ x: ValueID) -> ValueID {
    emit(Transpose.ofMatrices(rank: 4), [x])
  }
}
