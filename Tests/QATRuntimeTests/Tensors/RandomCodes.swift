import QATCore
import QATRuntime

/// Seeded codes, grids and numbers, rich in ties and in the ends of grids.
struct RandomCodes: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  /// Powers of two, among which products are ties, or any number.
  mutating func scale() -> Float {
    Bool.random(using: &self)
      ? [0.25, 0.5, 1, 2].randomElement(using: &self)! : Float.random(in: 0.01...2, using: &self)
  }

  mutating func affine(_ grid: IntegerGrid) -> AffineGrid {
    let zero = [grid.min, grid.max, grid.min + 1, (grid.min + grid.max) / 2, 1]
      .randomElement(using: &self)!
    return AffineGrid(scale: scale(), zeroPoint: zero, grid: grid)
  }

  mutating func codes(_ shape: [Int], _ grid: IntegerGrid) -> [Int] {
    (0..<shape.reduce(1, *)).map { _ in
      switch Int.random(in: 0..<8, using: &self) {
      case 0: grid.min
      case 1: grid.max
      default: Int.random(in: grid.min...grid.max, using: &self)
      }
    }
  }

  mutating func tensor(_ shape: [Int], _ grid: IntegerGrid) throws -> QuantizedTensor {
    let parameters = try QuantizationParameters(affine(grid))
    return try QuantizedTensor(
      codes: AnyTensor(grid.container, shape: shape, integers: codes(shape, grid)), parameters)
  }

  /// With a scale and a zero point for each channel.
  mutating func tensor(_ shape: [Int], _ grid: IntegerGrid, axis: Int) throws -> QuantizedTensor {
    let grids = (0..<shape[axis]).map { _ in affine(grid) }
    let parameters = try QuantizationParameters(
      scales: grids.map(\.scale), zeroPoints: grids.map(\.zeroPoint), grid: grid, axis: axis)
    return try QuantizedTensor(
      codes: AnyTensor(grid.container, shape: shape, integers: codes(shape, grid)), parameters)
  }

  mutating func floats(_ shape: [Int], in range: ClosedRange<Float> = -1...1) -> Tensor<Float> {
    Tensor(
      shape: shape,
      (0..<shape.reduce(1, *)).map { _ in Float.random(in: range, using: &self) })
  }
}

extension QuantizedTensor {
  var integers: [Int] { codes.integers ?? [] }
}

/// What a product's rule gives for an exact sum, computed in double precision, where products and
/// quotients of two floats are exact or round to a float as if they were.
func requantizedInDouble(_ sum: Int64, _ x: Float, _ w: Float, _ y: AffineGrid) -> Int {
  let factor = Float(Double(Float(Double(x) * Double(w))) / Double(y.scale))
  let real = Float(Double(Float(sum)) * Double(factor))
  let code = Double(real).rounded(.toNearestOrEven) + Double(y.zeroPoint)
  return Int(min(max(code, Double(y.grid.min)), Double(y.grid.max)))
}
