import QATIR

extension OpsetHistory {
  /// The history of every operation that has one.
  static let all: [String: OpsetHistory] = Dictionary(
    ([
      clip, dropout, squeeze, unsqueeze, split, slice, pad, reduceSum, resize, batchNormalization,
      scatter, upsample, tile, mod, prelu, selu, topK, instanceNormalization, groupNormalization,
      rmsNormalization, rotaryEmbedding, attention,
    ] + scatterings + lpPools + otherReductions + softmax + quantizeLinear + younger + recurrent
      + consumedInputs + legacyBroadcast + laterTypes).map { ($0.op, $0) },
    uniquingKeysWith: { $0.merging($1) })
}
