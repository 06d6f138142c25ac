import QATCore
import Testing

@Suite("Quantization parameters")
struct QuantizationParametersTests {
  private func code(_ make: () throws -> QuantizationParameters) -> Diagnostic? {
    do {
      _ = try make()
      return nil
    } catch { return error as? Diagnostic }
  }

  @Test("are one scale, one a channel, or one a block")
  func shapes() throws {
    let one = try QuantizationParameters(scale: 0.5, zeroPoint: 3, grid: .uint8)
    #expect(one.perTensor == AffineGrid(scale: 0.5, zeroPoint: 3, grid: .uint8))
    #expect(one.count == 1 && one.axis == nil)
    let channels = try QuantizationParameters(scales: [1, 2, 4], grid: .int8, axis: 1)
    #expect(channels.perTensor == nil && channels.zeroPoints == [0, 0, 0])
    #expect(channels[2].scale == 4)
    let granularity = try channels.granularity(of: [2, 3, 2])
    #expect((0..<12).map(granularity.parameter) == [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2])
    let blocks = try QuantizationParameters(
      scales: [1, 2, 3, 4], grid: .int8, axis: 1, blockSize: 2)
    let places = try blocks.granularity(of: [2, 3])
    #expect((0..<6).map(places.parameter) == [0, 0, 1, 2, 2, 3])
    #expect(
      try QuantizationParameters.scaleShape(for: [2, 5, 3], axis: 1, blockSize: 2) == [2, 3, 3])
    let none = try QuantizationParameters(scales: [], grid: .int8, axis: 0)
    #expect(try none.granularity(of: [0, 4]) != .perTensor)
  }

  @Test(
    "a scale is finite and above 0",
    arguments: [0, -1, .nan, .infinity, -.infinity] as [Float])
  func scales(_ scale: Float) {
    let error = code { try QuantizationParameters(scale: scale, grid: .int8) }
    #expect(error?.code == .invalidOption && error?.message.contains("scale") == true)
    let channel = code {
      try QuantizationParameters(scales: [1, scale], grid: .int8, axis: 0)
    }
    #expect(channel?.message.contains("of channel 1") == true)
  }

  @Test("a zero point is a code of the grid")
  func zeroPoints() throws {
    let narrow = try IntegerGrid(bits: 8, signed: true, narrow: true)
    for (zero, grid, isValid) in [
      (0, IntegerGrid.uint8, true), (255, .uint8, true), (256, .uint8, false), (-1, .uint8, false),
      (-128, .int8, true), (128, .int8, false), (-128, narrow, false), (-127, narrow, true),
    ] {
      let error = code { try QuantizationParameters(scale: 1, zeroPoint: zero, grid: grid) }
      #expect((error == nil) == isValid, "\(zero) on \(grid)")
    }
  }

  @Test("numbers of scales, zero points and axes agree")
  func counts() throws {
    for error in [
      code { try QuantizationParameters(scales: [1, 2], grid: .int8, axis: nil) },
      code { try QuantizationParameters(scales: [], grid: .int8, axis: nil) },
      code { try QuantizationParameters(scales: [1, 2], zeroPoints: [0], grid: .int8, axis: 0) },
      code { try QuantizationParameters(scales: [1], grid: .int8, axis: -1) },
      code { try QuantizationParameters(scales: [1], grid: .int8, axis: nil, blockSize: 4) },
      code { try QuantizationParameters(scales: [1], grid: .int8, axis: 0, blockSize: -1) },
    ] { #expect(error?.code == .invalidOption) }
    let three = try QuantizationParameters(scales: [1, 2, 3], grid: .int8, axis: 1)
    for shape in [[3], [3, 2], [3, 4, 3]] {
      #expect(throws: Diagnostic.self) { try three.granularity(of: shape) }
    }
  }
}
