/// An activation that is flat outside of a range, as far as 8 bits tell: what it reads need not be
/// told apart there, so a quantizer in front of it may saturate.
public protocol SettlesOutside: Operation {
  /// Where the result still changes: from the lowest to the highest operand; `nil` for no such end.
  var sensitiveRange: (lowest: Float?, highest: Float?) { get }
}

// Ends without a sentence of their own are where the result is within 1/256 of what it tends to.

extension HardSwish: SettlesOutside {
  /// 0 below -3, exactly.
  public var sensitiveRange: (lowest: Float?, highest: Float?) { (-3, nil) }
}
extension HardSigmoid: SettlesOutside {
  /// 0 and 1 outside, exactly.
  public var sensitiveRange: (lowest: Float?, highest: Float?) {
    alpha > 0 ? (min(-beta / alpha, 0), max((1 - beta) / alpha, 0)) : (nil, nil)
  }
}
extension Sigmoid: SettlesOutside {
  public var sensitiveRange: (lowest: Float?, highest: Float?) { (-6, 6) }
}
extension Tanh: SettlesOutside {
  public var sensitiveRange: (lowest: Float?, highest: Float?) { (-3.5, 3.5) }
}
extension Swish: SettlesOutside {
  public var sensitiveRange: (lowest: Float?, highest: Float?) {
    alpha >= 1 ? (-8, nil) : (nil, nil)
  }
}
extension Mish: SettlesOutside {
  public var sensitiveRange: (lowest: Float?, highest: Float?) { (-8, nil) }
}
extension Gelu: SettlesOutside {
  public var sensitiveRange: (lowest: Float?, highest: Float?) { (-3.5, nil) }
}

extension Graph {
  /// Where the readers of a value tell its elements apart: the range that holds those of all of them.
  /// An end is `nil` where somebody sees everything.
  public func sensitiveRange(
    of readers: some Collection<NodeID>
  ) -> (lowest: Float?, highest: Float?) {
    let ranges = readers.compactMap { (self[$0].op as? any SettlesOutside)?.sensitiveRange }
    let lows = ranges.compactMap(\.lowest), highs = ranges.compactMap(\.highest)
    return (
      lowest: lows.count == readers.count ? lows.min() : nil,
      highest: highs.count == readers.count ? highs.max() : nil
    )
  }
}
