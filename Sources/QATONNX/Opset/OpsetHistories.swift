import QATIR

extension OpsetHistory {
  /// The history of every operation that has one.
  static let all: [String: OpsetHistory] = Dictionary(
    ([
      clip, dropout, squeeze, unsqueeze, split, slice, pad, reduceSum, batchNormalization,
      mod, prelu, selu, topK,
    ] + otherReductions + softmax + quantizeLinear + younger + consumedInputs + legacyBroadcast
      + laterTypes).map { ($0.op, $0) },
    uniquingKeysWith: { $0.merging($1) })
}
