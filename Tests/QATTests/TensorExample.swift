import QAT
import Testing

// The text between the two marks is quoted in README.md; the suite "Examples of the README" holds the two
// together.

// example: tensors
/// A dense layer and a convolution on 8-bit integers, without a graph.
func integerLayers() throws -> (scores: Tensor<Float>, image: QuantizedTensor) {
  // Weights: symmetric, a scale for each output (the second axis).
  let weights = Tensor<Float>(shape: [3, 2], [0.5, -8, -1, 4, 0.25, 2])
  var forWeights = SymmetricQuantizer(grid: .int8, axis: 1)
  try forWeights.calibrate(weights, named: "dense.weight")
  let w = try forWeights.quantize(weights)  // 6 bytes instead of 24

  // Activations: asymmetric, from a range or from data.
  var forInputs = AsymmetricQuantizer(grid: .uint8)
  try forInputs.calibrate(min: 0, max: 3)
  let x = try forInputs.quantize(Tensor(shape: [2, 3], [1, 2, 3, 0, 0.5, 3]))

  // Integers in, integers out; the result's grid is the caller's choice.
  let y = AffineGrid(scale: 0.1, zeroPoint: 128, grid: .uint8)
  let hidden = try x.matmul(w, bias: Tensor(shape: [2], [0.5, -1]), to: y)
  let sum = try hidden.adding(hidden.tanh(), to: y)
  let scores = sum.dequantized()

  // A depthwise convolution: 2 channels, 3 × 3 pixels each, padded to keep the size.
  let pixels = Tensor<Float>(shape: [1, 2, 3, 3], (0..<18).map { Float($0) / 6 })
  let filters = Tensor<Float>(shape: [2, 1, 3, 3], repeating: 0.125)
  var forFilters = SymmetricQuantizer(grid: .int8, axis: 0)
  try forFilters.calibrate(filters, named: "conv.weight")
  let image = try forInputs.quantize(pixels).conv2d(
    forFilters.quantize(filters), WindowAttributes(pads: [1, 1, 1, 1]), groups: 2, to: y)
  return (scores, try image.relu())
}
// end of example

@Suite("The example of tensors in the README")
struct TensorExampleTests {
  @Test("computes what floats give, within the steps of its grids")
  func compute() throws {
    let (scores, image) = try integerLayers()
    let x: [[Double]] = [[1, 2, 3], [0, 0.5, 3]],
      w: [[Double]] = [[0.5, -8], [-1, 4], [0.25, 2]]
    for row in 0..<2 {
      for column in 0..<2 {
        let dense = (0..<3).reduce([0.5, -1][column]) { $0 + x[row][$1] * w[$1][column] }
        // tanh(x) = 1 - 2/(e²ˣ + 1); its own grid has steps of 1/128.
        let real = dense + 1 - 2 / (power(2 * dense) + 1)
        #expect(abs(Double(scores[row, column]) - real) < 0.2, "\(row), \(column)")
      }
    }
    #expect(image.shape == [1, 2, 3, 3])
    let real = image.dequantized()
    // The mean of nine pixels times 9/8.
    #expect(abs(real[0, 0, 1, 1] - 0.125 * 6) <= 0.08)
    #expect(abs(real[0, 1, 1, 1] - 0.125 * 19.5) <= 0.08)
  }

  @Test("takes a thread pool, without another import")
  func threads() throws {
    let x = try QuantizedTensor(
      codes: Tensor<UInt8>(shape: [64, 64], repeating: 3),
      QuantizationParameters(scale: 1, grid: .uint8))
    let y = AffineGrid(scale: 64, zeroPoint: 0, grid: .uint8)
    let product = try x.matmul(x, to: y, on: ThreadPool(threads: 2))
    #expect(product.codes == AnyTensor(shape: [64, 64], Array(repeating: UInt8(9), count: 4096)))
  }

  /// eˣ by its series.
  private func power(_ x: Double) -> Double {
    (0..<64).reversed().reduce(1.0) { 1 + $0 * x / Double($1 + 1) }
  }
}
