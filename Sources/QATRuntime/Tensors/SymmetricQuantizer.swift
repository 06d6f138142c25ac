public import QATCore

/// Puts 0 in the middle of the grid: zero point 0 of a signed grid, the mid code of an unsigned one.
///
///     scale = max(|min|, |max|) / n        n the codes above the zero point: 127 for int8
///
/// A range from -1 to 1 has scale 1/127 and the codes -127...127 on int8. Made for weights: a zero
/// point of 0 costs nothing in a product. - Source: Krishnamoorthi, arXiv:1806.08342, section 2.2.
public struct SymmetricQuantizer: TensorQuantizer, Hashable {
  /// In the middle of the grid.
  public static let scheme = QuantizationScheme.symmetric
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
    grid: IntegerGrid = .int8, axis: Int? = nil, blockSize: Int = 0, powerOfTwo: Bool = false
  ) {
    self.grid = grid
    self.axis = axis
    self.blockSize = blockSize
    self.powerOfTwo = powerOfTwo
  }
}
