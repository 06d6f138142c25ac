import QATCore

/// A data set, a sampler and augmentations together: batch after batch, resumable.
public struct DataLoader: Sendable {
  /// Where samples come from.
  public let data: any DataSet
  /// What changes the samples of each batch.
  public let augmentations: [any Augmentation]
  /// Which samples come next.
  public private(set) var sampler: BatchSampler
  private var random: RandomSource

  /// - Precondition: data with at least one sample, at least one a batch.
  public init(
    _ data: any DataSet, batchSize: Int, shuffles: Bool = true, seed: UInt64 = 0,
    augmentations: [any Augmentation] = []
  ) {
    self.data = data
    self.augmentations = augmentations
    sampler = BatchSampler(count: data.count, batchSize: batchSize, shuffles: shuffles, seed: seed)
    // Augmentation has random numbers of its own: adding one leaves the order as it was.
    random = RandomSource(seed: seed ^ 0xa5a5_a5a5_a5a5_a5a5)
  }

  /// The epoch that the next batch belongs to, from 0.
  public var epoch: Int { sampler.epoch }

  /// The next batch, augmented; after the last one of an epoch comes the first of the next.
  public mutating func next() throws(Diagnostic) -> Batch {
    var batch = try data.batch(sampler.next())
    for augmentation in augmentations { try augmentation.apply(to: &batch, using: &random) }
    return batch
  }

  /// What a checkpoint keeps: the sampler's three numbers and the random source's four.
  public var state: [UInt64] { sampler.state + random.state }

  /// Goes on from a saved state, over the same data with the same batch size.
  ///
  /// - Throws: `invalid-data` for a state of another data set or batch size.
  public mutating func restore(_ state: [UInt64]) throws(Diagnostic) {
    let sampler = try BatchSampler(
      count: data.count, batchSize: self.sampler.batchSize, shuffles: self.sampler.shuffles,
      state: Array(state.prefix(3)))
    random = try RandomSource(state: Array(state.dropFirst(3)))
    self.sampler = sampler
  }
}
