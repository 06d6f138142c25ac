public import QATCore

/// Uses all codes for the range: the zero point lies where the range has 0.
///
///     scale      = (max - min) / (codes - 1)        the range widened to hold 0
///     zero point = rint(lowest - min / scale)       so that 0 is exact
///
/// A range from 0 to 3 has scale 3/255, zero point 0 and the codes 0...255 on uint8. Made for
/// activations, which often lie on one side of 0.
/// - Source: Jacob et al., arXiv:1712.05877, section 3; Krishnamoorthi, arXiv:1806.08342, section 2.1.
public struct AsymmetricQuantizer: TensorQuantizer, Hashable {
  /// Where the range has 0.
  public static let scheme = QuantizationScheme.asymmetric
  /// The codes to use.
  public let grid: IntegerGrid
  /// The axis of the channels or blocks; `nil` per tensor.
  public let axis: Int?
  /// Neighbours along the axis that share a scale; 0 for one scale a channel.
  public let blockSize: Int
  /// Whether scales are rounded up to powers of two.
  public let powerOfTwo: Bool
  /// What the last calibration found, or was set.
  public var parameters: QuantizationParameters?

  /// - Parameters:
  ///   - axis: of the channels with a scale each, from the front; `nil` for one scale per tensor.
  ///   - blockSize: how many neighbours along the axis share a scale; 0 for one scale a channel.
  ///   - powerOfTwo: rounds scales up to powers of two, for hardware that shifts.
  public init(
    grid: IntegerGrid = .uint8, axis: Int? = nil, blockSize: Int = 0, powerOfTwo: Bool = false
  ) {
    self.grid = grid
    self.axis = axis
    self.blockSize = blockSize
    self.powerOfTwo = powerOfTwo
  }
}
