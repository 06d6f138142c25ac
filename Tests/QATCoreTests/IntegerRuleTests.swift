import QATCore
import Testing

@Suite("Integer rules")
struct IntegerRuleTests {
  private func u8(_ scale: Float, _ zeroPoint: Int) -> AffineGrid {
    AffineGrid(scale: scale, zeroPoint: zeroPoint, grid: .uint8)
  }

  @Test("ties go to the even step, before the zero point is added")
  func requantizeTies() {
    for zeroPoint in [0, 3, 128, 255] {
      let y = u8(1, zeroPoint)
      for accumulator in -1023...1023 {
        let steps = (Double(accumulator) / 2).rounded(.toNearestOrEven)
        let expected = Swift.min(Swift.max(Int(steps) + zeroPoint, 0), 255)
        #expect(y.requantize(Int32(accumulator), by: 0.5) == expected)
      }
    }
  }

  @Test("accumulators wrap at 32 bits and saturate at both ends of the grid")
  func accumulators() {
    var sum = Accumulator(.max)
    sum.add(1, 1)
    #expect(sum.value == .min)
    #expect(u8(1, 7).requantize(.max, by: 1) == 255)
    #expect(u8(1, 7).requantize(.min, by: 1) == 0)
  }

  @Test("multipliers are evaluated from left to right")
  func multipliers() {
    let (x, w, y): (Float, Float, Float) = (0.1, 0.7, 0.3)
    #expect(requantizationMultiplier(x, w, y) == (x * w) / y)
    #expect(requantizationMultiplier(alpha: 0.3, x, w, y) == ((0.3 * x) * w) / y)
  }

  @Test("a sum adds the zero point before rounding, so odd ones move ties")
  func sums() {
    let sum = QuantizedSum(u8(0.5, 0), u8(0.5, 0), to: u8(1, 1))
    #expect(sum(1, 0) == 2)  // 0.5 + 1 rounds to 2; rounding first would give 1
    #expect(sum(3, 0) == 2)  // 2.5 rounds to 2; rounding first would give 3
    let product = QuantizedProduct(u8(0.5, 0), u8(1, 0), to: u8(1, 1))
    #expect(product(1, 1) == 2 && product(3, 1) == 2)
  }

  @Test("a sum of equal parameters is exact for all pairs of codes")
  func exactSums() {
    let sum = QuantizedSum(u8(0.25, 3), u8(0.25, 5), to: u8(0.25, 7))
    for a in 0...255 {
      for b in 0...255 {
        #expect(sum(a, b) == Swift.min(Swift.max(a - 3 + b - 5 + 7, 0), 255))
      }
    }
  }

  @Test(
    "operands of a sum are exchanged where the first is broadcast innermost",
    arguments: [
      ([7, 1], [], true), ([7, 1], [7, 1], false), ([7, 1], [1], true),
      ([2, 5, 1], [5, 1], false),
      ([1, 1], [1, 1], true), ([], [], true), ([5, 1], [1, 1], false), ([1, 1], [5, 1], true),
      ([5, 1, 1], [1], true), ([1, 5, 1], [2, 1, 1], false), ([2, 1, 1], [1, 5, 1], true),
      ([4, 33], [], false), ([], [4, 33], true), ([3, 1, 1], [2, 3, 5, 5], true),
    ])
  func swapped(_ a: [Int], _ b: [Int], _ expected: Bool) {
    #expect(quantizedSumSwapsOperands(a, b) == expected)
  }

  @Test("averages round ties to the even code; padding may count")
  func averages() {
    let x = u8(1, 0)
    #expect(quantizedAverage([0, 1], count: 2, from: x, to: u8(1, 1)) == 2)
    #expect(quantizedAverage([4, 4], count: 4, from: x, to: x) == 2)
    // Of all positions, the zero point is added after rounding.
    #expect(quantizedGlobalAverage([0, 1], from: x, to: u8(1, 1)) == 1)
  }

  @Test("the table of the identity keeps codes of equal parameters, for every scale and zero point")
  func identityTable() {
    for step in 1...200 {
      let x = u8(Float(step) * 0.013, step)
      #expect(QuantizedTable(from: x, to: x).entries == Array(0...255))
    }
  }

  @Test("the logistic function is within two units in the last place of the exact one")
  func logistic() {
    // 1/(1 + e^-1) and 1/(1 + e^2) to 10 digits.
    #expect(abs(rationalLogistic(1) - 0.7310585786) < 1.2e-7)
    #expect(abs(rationalLogistic(-2) - 0.1192029220) < 1.2e-7)
    #expect(rationalLogistic(0) == 0.5 && rationalLogistic(40) == 1)
  }

  @Test("softmax of one dominant code saturates instead of wrapping around")
  func softmaxSaturates() {
    for (grid, low) in [(IntegerGrid.uint8, 0), (.int8, -128)] {
      let x = AffineGrid(scale: 1, zeroPoint: low, grid: grid)
      let y = AffineGrid(scale: 1 / 256, zeroPoint: low, grid: grid)
      let row = [grid.max, grid.min, grid.min]
      #expect(QuantizedSoftmax(count: 3, from: x, to: y)(row) == [grid.max, grid.min, grid.min])
    }
  }

  @Test("biases round to even and saturate at 32 bits")
  func biases() {
    #expect(quantizedBias(2.5, scale: 1) == 2 && quantizedBias(-3.5, scale: 1) == -4)
    #expect(quantizedBias(1e20, scale: 1) == .max && quantizedBias(-1e20, scale: 1) == .min)
    #expect(quantizedBias(.nan, scale: 1) == 0)
  }
}
