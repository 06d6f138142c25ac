import QATIR

extension OpsetHistory {
  /// The history of every operation that has one.
  static let all: [String: OpsetHistory] = Dictionary(
    ([
      clip, concat, dropout, gemm, squeeze, unsqueeze, split, slice, pad, reduceSum, reshape, resize,
      batchNormalization, scatter, spaceToDepth, tile, upsample,
    ] + scatterings + lpPools + otherReductions + softmax + quantizeLinear + younger).map { ($0.op, $0) },
    uniquingKeysWith: { first, _ in first })
}
