import QATIR

extension OpsetHistory {
  /// The history of every operation that has one beside what its schema tells (`SchemaHistory`).
  static let all: [String: OpsetHistory] = Dictionary(
    ([
      clip, dropout, squeeze, unsqueeze, split, slice, pad, reduceSum, resize, batchNormalization,
      scatter, upsample, tile, mod, prelu, selu, topK, instanceNormalization, groupNormalization,
      rmsNormalization, rotaryEmbedding, attention, cast, concat, gemm, reshape,
    ] + scatterings + lpPools + otherReductions + softmax + recurrent + broadcasting + pooling)
    .map { ($0.op, $0) },
    uniquingKeysWith: { $0.merging($1) })

  /// What changed for every operation.
  ///
  /// Before 6 `consumed_inputs` allowed to write over operands.
  static let everywhere: [Change] = [.dropped(at: 6, ["consumed_inputs"])]
}
