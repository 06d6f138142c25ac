import QATCore
import Testing

@Suite("From ranges to parameters")
struct RangeToParametersTests {
  private func parameters(
    _ min: Float, _ max: Float, _ grid: IntegerGrid, _ scheme: QuantizationScheme,
    powerOfTwo: Bool = false, tensorMaximum: Float = 0
  ) -> AffineGrid {
    RangeToParameters(grid: grid, scheme: scheme, powerOfTwo: powerOfTwo)(
      min: min, max: max, tensorMaximum: tensorMaximum)
  }
  private func grid(_ name: String) throws -> IntegerGrid { try #require(IntegerGrid(name)) }

  @Test("the numbers that guides give")
  func guides() {
    let symmetric = parameters(-0.5, 1, .int8, .symmetric)
    #expect(symmetric.scale == 1 / 127 && symmetric.zeroPoint == 0)
    let asymmetric = parameters(0, 3, .uint8, .asymmetric)
    #expect(asymmetric.scale == 3.0 / 255 && asymmetric.zeroPoint == 0)
    let centred = parameters(-1, 1, .uint8, .symmetric)
    #expect(centred.scale == 1 / 127 && centred.zeroPoint == 128)
  }

  @Test(
    "narrow and small grids put the magnitude on the highest code",
    arguments: ["i8", "i8n", "i4", "i4n", "i2", "i2n", "i16", "u8", "u4", "u2", "u8n"])
  func highestCode(_ name: String) throws {
    let grid = try grid(name)
    let found = parameters(-2, 3, grid, .symmetric)
    #expect(found.quantize(3) == grid.max && found.quantize(0) == found.zeroPoint)
    #expect(found.dequantize(found.zeroPoint) == 0)
  }

  @Test("asymmetric ranges hold 0 exactly and reach both ends within half a step")
  func asymmetricRanges() throws {
    for name in ["u8", "i8", "u4", "i4", "u2", "i8n", "u16"] {
      let grid = try grid(name)
      for low in stride(from: Float(-3), through: 1, by: 0.37) {
        for high in stride(from: Swift.max(low, -1), through: 4, by: 0.41) {
          let found = parameters(low, high, grid, .asymmetric)
          #expect((grid.min...grid.max).contains(found.zeroPoint))
          #expect(found.dequantize(found.quantize(0)) == 0)
          // Half a step for the zero point, half for the value.
          for x in [low, high] where low < high {
            #expect(abs(found.dequantize(found.quantize(x)) - x) <= 1.001 * found.scale)
          }
        }
      }
    }
  }

  @Test("a range on one side of 0 is widened to it")
  func widened() {
    #expect(parameters(2, 5.1, .uint8, .asymmetric).scale == 5.1 / 255)
    let negative = parameters(-5.1, -2, .uint8, .asymmetric)
    #expect(negative.scale == 5.1 / 255 && negative.zeroPoint == 255)
  }

  @Test("an empty range takes the tensor's largest value, or 1")
  func emptyRange() {
    for scheme in QuantizationScheme.allCases {
      let steps: Float = scheme == .symmetric ? 127 : 255
      #expect(parameters(0, 0, .int8, scheme, tensorMaximum: 4).scale == 4 / steps)
      #expect(parameters(0, 0, .int8, scheme).scale == 1 / steps)
    }
  }

  @Test("tiny and huge ranges give normal, finite scales")
  func extremes() {
    for scheme in QuantizationScheme.allCases {
      for power in [false, true] {
        for magnitude in [
          Float.leastNonzeroMagnitude, .leastNormalMagnitude, 1e-30, 1e30, .greatestFiniteMagnitude,
        ] {
          let found = parameters(-magnitude, magnitude, .int8, scheme, powerOfTwo: power)
          #expect(found.scale.isNormal && (found.scale * found.scale).isNormal || magnitude > 1)
          #expect(found.scale.isFinite && found.scale > 0)
        }
      }
    }
  }

  @Test("powers of two are rounded up, exact ones stay")
  func powersOfTwo() {
    #expect(parameters(-1, 1, .int8, .symmetric, powerOfTwo: true).scale == 0.015625)
    #expect(parameters(-127, 127, .int8, .symmetric, powerOfTwo: true).scale == 1)
    #expect(parameters(0, 255.5, .uint8, .asymmetric, powerOfTwo: true).scale == 2)
  }

  @Test("the dynamic range of all zeros has scale 1, as in ONNX Runtime")
  func dynamicRange() {
    #expect(AffineGrid.dynamic(min: 0, max: 0).scale == 1)
    let found = AffineGrid.dynamic(min: -1, max: 2)
    #expect(found.scale == 3.0 / 255 && found.zeroPoint == 85)
  }
}
