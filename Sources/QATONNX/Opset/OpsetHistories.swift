import QATIR

extension OpsetHistory {
  /// The history of every operation that has one.
  static let all: [String: OpsetHistory] = Dictionary(
    ([
      clip, dropout, squeeze, unsqueeze, split, slice, pad, reduceSum, batchNormalization,
      instanceNormalization, groupNormalization, rmsNormalization, rotaryEmbedding, attention,
    ] + recurrent + otherReductions + softmax + quantizeLinear + younger).map { ($0.op, $0) },
    uniquingKeysWith: { first, _ in first })
}
