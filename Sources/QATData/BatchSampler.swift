import QATCore

/// Which samples make up each batch, epoch after epoch; the last batch of an epoch may be smaller.
///
/// The order of epoch e is a function of the seed and e alone, so three numbers say where a sampler
/// stands, and a resumed one goes on as if never interrupted.
///
///     var sampler = BatchSampler(count: data.count, batchSize: 64, seed: 1)
///     while sampler.epoch < 3 { let batch = try data.batch(sampler.next()) … }
public struct BatchSampler: Sendable {
  /// Samples in all.
  public let count: Int
  /// Samples a batch; the last of an epoch may have fewer.
  public let batchSize: Int
  /// Whether each epoch has an order of its own.
  public let shuffles: Bool
  /// Decides the orders.
  public let seed: UInt64
  /// The epoch that the next batch belongs to, from 0.
  public private(set) var epoch = 0
  /// How many samples of the epoch have been given.
  public private(set) var position = 0
  private var order: [Int]

  /// - Precondition: at least one sample, at least one a batch.
  public init(count: Int, batchSize: Int, shuffles: Bool = true, seed: UInt64 = 0) {
    precondition(count > 0 && batchSize > 0, "no batches of \(batchSize) from \(count) samples")
    self.count = count
    self.batchSize = batchSize
    self.shuffles = shuffles
    self.seed = seed
    order = Self.order(count: count, shuffles: shuffles, seed: seed, epoch: 0)
  }

  /// Batches in an epoch.
  public var batchesPerEpoch: Int { (count + batchSize - 1) / batchSize }

  /// Whether the next batch is the first of its epoch.
  public var isAtStartOfEpoch: Bool { position == 0 }

  /// The indices of the next batch; the one after the last of an epoch is the first of the next.
  public mutating func next() -> [Int] {
    let indices = Array(order[position..<min(position + batchSize, count)])
    position += indices.count
    if position == count {
      epoch += 1
      position = 0
      if shuffles { order = Self.order(count: count, shuffles: true, seed: seed, epoch: epoch) }
    }
    return indices
  }

  /// Where the sampler stands: seed, epoch, position.
  public var state: [UInt64] { [seed, UInt64(epoch), UInt64(position)] }

  /// Goes on from a saved state, over the same data with the same batch size.
  ///
  /// - Throws: `invalid-data` for a state that no such sampler has.
  public init(
    count: Int, batchSize: Int, shuffles: Bool = true, state: [UInt64]
  ) throws(Diagnostic) {
    guard state.count == 3, let epoch = Int(exactly: state[1]),
      let position = Int(exactly: state[2]),
      position < count, position % batchSize == 0
    else {
      throw Diagnostic(
        .invalidData, "the saved position does not fit \(count) samples in batches of \(batchSize)",
        hint: "resume with the data and the batch size of the interrupted run")
    }
    self.init(count: count, batchSize: batchSize, shuffles: shuffles, seed: state[0])
    self.epoch = epoch
    self.position = position
    order = Self.order(count: count, shuffles: shuffles, seed: seed, epoch: epoch)
  }

  private static func order(count: Int, shuffles: Bool, seed: UInt64, epoch: Int) -> [Int] {
    guard shuffles else { return Array(0..<count) }
    var source = RandomSource(seed: seed, index: epoch)
    return source.permutation(of: count)
  }
}
