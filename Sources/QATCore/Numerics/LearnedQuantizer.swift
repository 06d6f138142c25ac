/// How a quantizer that the gradient trains is parametrized.
public enum LearnedMethod: String, Sendable, Hashable, CaseIterable {
  /// The scale is learned. Esser et al., arXiv:1902.08153.
  case lsq
  /// The scale and the offset are learned. Bhalgat et al., arXiv:2004.09576.
  case lsqPlus = "lsq+"
  /// The width of the range that is not clipped is learned. Choi et al., arXiv:1805.06085.
  case pact
}

/// From the parameters of a learned quantizer to its scale and zero point, and what they begin with.
///
/// With n and p the lowest and highest code of the grid, and all of it in float32:
///
/// | method | `parameter` | `shift` | scale | zero point |
/// |---|---|---|---|---|
/// | `lsq` | the scale s | the zero point, unrounded | s | `clamp(rint(shift), n, p)` |
/// | `lsq+` | the scale s | the offset β, in units of `x` | s | `clamp(rint(-β / s), n, p)` |
/// | `pact` | the width α | the zero point, unrounded | α / (p - n) | `clamp(rint(shift), n, p)` |
///
/// A symmetric `lsq` or `pact` has the zero point 0, also on an unsigned grid, which then holds nothing
/// below 0. With an integer for a zero point, what LSQ+ trains with is what is deployed.
public struct LearnedQuantizer: Sendable, Hashable {
  /// What is learned.
  public var method: LearnedMethod
  /// The codes.
  public var grid: IntegerGrid
  /// Asymmetric for `lsq+`.
  public var scheme: QuantizationScheme

  /// A learned parameter stays above this share of what it began with.
  public static let smallestShare = Float(sign: .plus, exponent: -20, significand: 1)
  /// The shares of the widest range that `lsq+` tries at its beginning: 1, 0.95, …, 0.2.
  public static let trialShares = (0...16).map { 1 - Float($0) * 0.05 }

  /// The quantizer of a method on a grid.
  public init(_ method: LearnedMethod, grid: IntegerGrid, scheme: QuantizationScheme) {
    self.method = method
    self.grid = grid
    self.scheme = method == .lsqPlus ? .asymmetric : scheme
  }

  /// What the grid spans, in steps.
  public var steps: Float { Float(grid.max - grid.min) }

  /// The scale and the zero point.
  public func parameters(_ parameter: Float, shift: Float) -> AffineGrid {
    let scale = method == .pact ? parameter / steps : parameter
    let zero =
      method == .lsqPlus ? -shift / scale : scheme == .symmetric ? 0 : shift
    let code = Swift.min(
      Swift.max(zero.rounded(.toNearestOrEven), Float(grid.min)), Float(grid.max))
    return AffineGrid(
      scale: scale, zeroPoint: code.isNaN ? grid.min : Int(code), grid: grid)
  }

  /// What values of this mean magnitude and range begin with.
  ///
  /// `lsq`: `2 · mean|x| / √p`. `pact`: the width of the range. `lsq+`: the scale and the offset of the
  /// range, times `share`, which its caller chooses for the least squared error.
  /// - Parameter stand: stands in for the magnitude of a channel that is all 0; 1 where it is 0 too.
  public func initial(
    mean: Float, low: Float, high: Float, stand: Float, share: Float = 1
  ) -> (parameter: Float, shift: Float) {
    guard mean.isFinite, low.isFinite, high.isFinite else { return (.nan, .nan) }
    let range = RangeToParameters(grid: grid, scheme: .asymmetric)
    switch method {
    case .lsq:
      let magnitude = mean > 0 ? mean : stand > 0 ? stand : 1
      let scale = 2 * magnitude / Float(grid.max).squareRoot()
      return (Swift.max(scale, RangeToParameters.smallestScale), zeroPoint(low, high))
    case .lsqPlus:
      let scale = range(min: low * share, max: high * share, tensorMaximum: stand).scale
      return (scale, Swift.min(low * share, 0) - Float(grid.min) * scale)
    case .pact:
      if scheme == .asymmetric || !grid.isSigned {
        let low = scheme == .asymmetric ? low : 0
        let scale = range(min: low, max: Swift.max(high, low), tensorMaximum: stand).scale
        return (scale * steps, zeroPoint(low, high))
      }
      let symmetric = RangeToParameters(grid: grid, scheme: .symmetric)
      return (symmetric(min: low, max: high, tensorMaximum: stand).scale * steps, 0)
    }
  }

  private func zeroPoint(_ low: Float, _ high: Float) -> Float {
    guard scheme == .asymmetric else { return 0 }
    let range = RangeToParameters(grid: grid, scheme: .asymmetric)
    return Float(range(min: low, max: high).zeroPoint)
  }

  /// Parameters after an update, put back where they mean something: the scale or width at least
  /// `smallestShare` of the initial one, and an offset within `-p·s … -n·s`, where 0 has a code.
  ///
  /// NaN stays, so that whoever looks at the loss sees it.
  public func projected(
    _ parameter: Float, shift: Float, initial: Float
  ) -> (parameter: Float, shift: Float) {
    let floor = Self.smallestShare * initial
    let scale = parameter < floor ? floor : parameter
    guard method == .lsqPlus else { return (scale, shift) }
    let low = -Float(grid.max) * scale, high = -Float(grid.min) * scale
    return (scale, shift < low ? low : shift > high ? high : shift)
  }
}
