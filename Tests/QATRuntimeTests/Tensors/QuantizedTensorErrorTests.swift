import QATCore
import QATIR
import QATRuntime
import Testing

@Suite("Codes that can't be computed with are diagnosed")
struct QuantizedTensorErrorTests {
  private let grid = AffineGrid(scale: 1, zeroPoint: 0, grid: .int8)

  private func tensor(_ shape: [Int], _ grid: IntegerGrid = .int8) throws -> QuantizedTensor {
    try QuantizedTensor(
      quantizing: Tensor(shape: shape), QuantizationParameters(scale: 1, grid: grid))
  }
  private func perChannel(_ shape: [Int], axis: Int) throws -> QuantizedTensor {
    try QuantizedTensor(
      quantizing: Tensor(shape: shape),
      QuantizationParameters(
        scales: Array(repeating: 1, count: shape[axis]), grid: .int8, axis: axis))
  }

  @Test("codes of the wrong type, outside the grid, or with another number of scales")
  func validate() throws {
    let four = try IntegerGrid(bits: 4, signed: true)
    let parameters = try QuantizationParameters(scale: 1, grid: four)
    let outside = Tensor<Int8>(shape: [2, 2], [0, 7, -8, 8])
    let error = #expect(throws: Diagnostic.self) {
      try QuantizedTensor(codes: outside, parameters)
    }
    #expect(error?.code == .invalidData && error?.message.contains("8 at [1, 1]") == true)
    let type = #expect(throws: Diagnostic.self) {
      try QuantizedTensor(codes: Tensor<UInt8>(shape: [1], [0]), parameters)
    }
    #expect(type?.code == .typeMismatch)
    let three = try QuantizationParameters(scales: [1, 1, 1], grid: .int8, axis: 0)
    let count = #expect(throws: Diagnostic.self) {
      try QuantizedTensor(codes: Tensor<Int8>(shape: [2, 3]), three)
    }
    #expect(count?.code == .shapeMismatch)
    try QuantizedTensor(codes: Tensor<Int8>(shape: [3, 2]), three).validate()
  }

  @Test("a grid for the result that can't be one")
  func badResult() throws {
    let x = try tensor([2, 2])
    for bad in [
      AffineGrid(scale: 0, zeroPoint: 0, grid: .int8),
      AffineGrid(scale: .nan, zeroPoint: 0, grid: .int8),
      AffineGrid(scale: 1, zeroPoint: 200, grid: .int8),
    ] {
      let image = try tensor([1, 1, 2, 2])
      for attempt: () throws -> QuantizedTensor in [
        { try x.adding(x, to: bad) }, { try x.multiplied(by: x, to: bad) },
        { try x.matmul(x, to: bad) }, { try x.relu(to: bad) }, { try x.requantized(to: bad) },
        { try image.conv2d(image, to: bad) }, { try x.scaled(by: 2, to: bad) },
      ] {
        let error = #expect(throws: Diagnostic.self) { try attempt() }
        #expect(error?.code == .invalidOption)
      }
    }
  }

  @Test("shapes that do not go together")
  func shapes() throws {
    for attempt: () throws -> QuantizedTensor in [
      { try tensor([2, 3]).adding(tensor([2, 2]), to: grid) },
      { try tensor([2, 3]).matmul(tensor([2, 3]), to: grid) },
      { try tensor([]).matmul(tensor([2]), to: grid) },
      { try tensor([2, 3]).matmul(tensor([3, 2]), bias: Tensor(shape: [3]), to: grid) },
      { try tensor([2, 3]).matmul(tensor([3, 2]), biasCodes: Tensor(shape: [1, 2]), to: grid) },
      { try tensor([3, 4, 4]).conv2d(tensor([1, 3, 2, 2]), to: grid) },
      { try tensor([1, 3, 4, 4]).conv2d(tensor([1, 2, 2, 2]), to: grid) },
      { try tensor([1, 3, 4, 4]).conv2d(tensor([1, 3, 5, 5]), to: grid) },
      {
        try tensor([1, 3, 4, 4]).conv2d(tensor([4, 3, 2, 2]), bias: Tensor(shape: [3]), to: grid)
      },
      { try tensor([1, 4, 4, 4]).conv2d(tensor([3, 2, 1, 1]), groups: 2, to: grid) },
      { try tensor([2, 3]).reshaped([5]) },
      { try tensor([2, 3]).requantized(to: perChannel([4], axis: 0).parameters) },
    ] {
      let error = #expect(throws: Diagnostic.self) { try attempt() }
      #expect(error?.code == .shapeMismatch)
    }
    let window = WindowAttributes(pads: [1, 1])
    let error = #expect(throws: Diagnostic.self) {
      try tensor([1, 1, 4, 4]).conv2d(tensor([1, 1, 2, 2]), window, to: grid)
    }
    #expect(error?.code == .invalidAttribute)
  }

  @Test("types and scales that the integer rules do not take")
  func unsupported() throws {
    let sixteen = try IntegerGrid(bits: 16, signed: true)
    let channels = try perChannel([2, 2], axis: 0), plain = try tensor([2, 2])
    for attempt: () throws -> QuantizedTensor in [
      { try channels.adding(plain, to: grid) }, { try plain.multiplied(by: channels, to: grid) },
      { try channels.matmul(plain, to: grid) }, { try plain.matmul(channels, to: grid) },
      { try channels.relu(to: grid) }, { try channels.reshaped([4]) },
      { try tensor([2, 2], sixteen).matmul(plain, to: grid) },
      { try plain.matmul(tensor([2, 2], sixteen), to: grid) },
      { try plain.matmul(plain, to: AffineGrid(scale: 1, zeroPoint: 0, grid: sixteen)) },
      { try plain.tanh(to: AffineGrid(scale: 1, zeroPoint: 0, grid: sixteen)) },
      { try tensor([1, 2, 2, 2]).conv2d(perChannel([2, 2, 1, 1], axis: 1), to: grid) },
    ] {
      let error = #expect(throws: Diagnostic.self) { try attempt() }
      #expect(error?.code == .unsupported)
    }
    let mixed = #expect(throws: Diagnostic.self) {
      try plain.adding(tensor([2, 2], .uint8), to: grid)
    }
    #expect(mixed?.code == .typeMismatch && mixed?.hint?.contains("requantize") == true)
  }

  @Test("sums and biases that need more than 32 bits")
  func accumulators() throws {
    let length = 70_000
    func row(_ code: Int, _ grid: IntegerGrid, _ shape: [Int]) throws -> QuantizedTensor {
      try QuantizedTensor(
        codes: AnyTensor(
          grid.container, shape: shape, integers: Array(repeating: code, count: length)),
        QuantizationParameters(scale: 1, grid: grid))
    }
    let x = try row(255, .uint8, [1, length])
    let error = #expect(throws: Diagnostic.self) {
      try x.matmul(row(-128, .int8, [length, 1]), to: grid)
    }
    #expect(error?.code == .invalidData && error?.message.contains("32 bits") == true)
    // Weights that are smaller than the grid allows leave room.
    #expect(try x.matmul(row(-100, .int8, [length, 1]), to: grid).integers == [-128])
    for bias in [Float.nan, .infinity, 2e9] {
      let error = #expect(throws: Diagnostic.self) {
        try tensor([1, 2]).matmul(
          tensor([2, 2]), bias: Tensor(shape: [2], [0, bias]), to: grid)
      }
      #expect(error?.code == .invalidData && error?.message.contains("channel 1") == true)
    }
  }
}
