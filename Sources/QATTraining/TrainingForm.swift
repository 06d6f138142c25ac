/// What a training step does, beside learning: what schedules change.
public struct TrainingForm: Sendable, Hashable {
  /// Whether fake-quantizers round. While they do not, their observers go on.
  public var quantizes = true
  /// Whether batch-norms keep their running statistics, and use them.
  public var freezesBatchNorm = false
  /// Whether ranges stay.
  public var freezesObservers = false
  /// The least bits of weights; 0 for their own.
  public var weightBits = 0
  /// The least bits of activations; 0 for their own.
  public var activationBits = 0

  public init(
    quantizes: Bool = true, freezesBatchNorm: Bool = false, freezesObservers: Bool = false,
    weightBits: Int = 0, activationBits: Int = 0
  ) {
    self.quantizes = quantizes
    self.freezesBatchNorm = freezesBatchNorm
    self.freezesObservers = freezesObservers
    self.weightBits = weightBits
    self.activationBits = activationBits
  }
}
