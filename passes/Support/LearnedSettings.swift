import QATConfig
import QATCore
import QATIR

/// How the parameters of one quantizer are learned.
struct LearnedSettings: Sendable, Equatable {
  var method: LearnedMethod
  /// The learning rate, as a multiple of that of the weights.
  var rate: Float = 1
  var weightDecay: Float = 0
  /// The largest norm of the gradient; 0 for none.
  var clip: Float = 0

  /// `nil` where nothing is learned.
  init?(_ config: QuantizerConfig) {
    guard let method = config.method else { return nil }
    self.method = method
    rate = Float(config.learningRateFactor)
    weightDecay = Float(config.weightDecay)
    clip = Float(config.clip)
  }

  init?(_ name: String) {
    guard let method = LearnedMethod(rawValue: name) else { return nil }
    self.method = method
  }

  /// `lsq rate=0.1 decay=0.0005 clip=1.0`: what differs from nothing.
  var text: String {
    [
      method.rawValue, rate == 1 ? nil : "rate=\(rate)",
      weightDecay == 0 ? nil : "decay=\(weightDecay)", clip == 0 ? nil : "clip=\(clip)",
    ].compactMap { $0 }.joined(separator: " ")
  }
}

extension TensorSettings {
  /// Whether the lowest code stands for 0 where nothing is negative: then a quantizer behind a Relu
  /// does its work.
  var endsAtZero: Bool { !isSymmetric || (learned != nil && !grid.isSigned) }

  /// The operation that follows the first batches and holds what is learned.
  /// - Parameter isWeight: seen whole in every batch, so that the last one counts alone.
  func learnRange(
    _ learned: LearnedSettings, axis: Int?, blockSize: Int, isWeight: Bool
  ) -> LearnRange {
    var op = LearnRange()
    (op.grid, op.method, op.axis, op.blockSize) = (grid, learned.method, axis, blockSize)
    op.scheme = isSymmetric ? .symmetric : .asymmetric
    op.momentum = isWeight ? 1 : 0.1
    op.limit = isWeight ? 1 : max(warmupBatches, 1)
    op.training = false
    (op.rate, op.weightDecay, op.clip) = (learned.rate, learned.weightDecay, learned.clip)
    return op
  }
}
