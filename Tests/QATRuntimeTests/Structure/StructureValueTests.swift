import QATCore
import QATIR
import Testing

@testable import QATRuntime

/// The expected numbers are what ONNX Runtime 1.31.1 computes at opset 22 from the same operands.
@Suite("Convolutions, products and poolings compute what ONNX Runtime does")
struct StructureValueTests {
  @Test func conv() throws {
    let strided = Conv(
      WindowAttributes(pads: [1, 0, 1, 1], strides: [2, 1], dilations: [1, 2]))
    let y = try evaluate(
      strided, sample([1, 2, 5, 4]), sample([2, 2, 3, 2]), AnyTensor(shape: [2], [Float(1), -1]))[0]
    #expect(y.shape == [1, 2, 3, 3])
    #expect(
      floats(y) == [-40, 39, 28, -51, 24, 6, -26, -27, -4, 11, -13, -43, 7, 43, -35, -12, 16, 0])
    let grouped = Conv(WindowAttributes(strides: [2], autoPad: .sameUpper), group: 2)
    #expect(
      floats(try evaluate(grouped, sample([1, 4, 5]), sample([4, 2, 3]))[0])
        == [-29, 8, -40, -25, 20, 5, -38, -39, -2, -22, -31, 0])
    let lower = Conv(WindowAttributes(strides: [2], autoPad: .sameLower))
    #expect(
      floats(try evaluate(lower, sample([1, 1, 6]), sample([1, 1, 3]))[0]) == [-14, -24, -17])
    let volume = Conv(WindowAttributes(autoPad: .valid))
    #expect(
      floats(try evaluate(volume, sample([1, 1, 3, 3, 3]), sample([1, 1, 2, 2, 2]))[0])
        == [38, -25, -19, -60, -23, -9, -25, 55])
  }

  @Test func convTranspose() throws {
    let grouped = ConvTranspose(
      WindowAttributes(pads: [0, 1, 1, 0], strides: [2, 1]), group: 2, outputPadding: [1, 0])
    let y = try evaluate(
      grouped, sample([1, 2, 3, 2]), sample([2, 1, 2, 3]), AnyTensor(shape: [2], [Float(1), 2]))[0]
    #expect(y.shape == [1, 2, 6, 3])
    #expect(
      floats(y) == [
        -19, 15, -3, 6, 18, -5, -28, 15, -9, 24, 12, -14, 18, -7, 7, -13, -5, 10, 2, -14, 2, -2,
        -18, 2, 14, 18, -10, 15, 19, -13, -18, 6, 22, -12, 12, 27,
      ])
    let x = sample([1, 1, 3])
    let shaped = ConvTranspose(WindowAttributes(strides: [2], dilations: [2]), outputShape: [6])
    #expect(floats(try evaluate(shaped, x, x)[0]) == [-20, 0, 24, 0, -8, 0])
    let same = ConvTranspose(WindowAttributes(strides: [2], autoPad: .sameUpper))
    #expect(floats(try evaluate(same, x, x)[0]) == [25, -10, 0, 4, 6, -4])
  }

  @Test func maxPool() throws {
    let window = WindowAttributes(kernelShape: [2, 2], pads: [1, 0, 0, 1], strides: [2, 2])
    let pool = MaxPool(window, ceilMode: true, storageOrder: 1)
    let y = try evaluate(pool, sample([1, 1, 5, 4]), results: 2)
    #expect(floats(y[0]) == [2, 5, 3, 4, 4, 5])
    #expect(y[1].integers == [5, 15, 7, 11, 9, 13])
    let dilated = MaxPool(WindowAttributes(kernelShape: [3], pads: [1, 1], dilations: [2]))
    let z = try evaluate(dilated, sample([1, 2, 6]), results: 2)
    #expect(floats(z[0]) == [5, 1, 5, 1, 3, 4, 3, -1])
    #expect(z[1].integers == [3, 4, 3, 4, 9, 6, 9, 10])
    let codes = MaxPool(WindowAttributes(kernelShape: [2], pads: [1, 0], strides: [2]))
    let x = AnyTensor(shape: [1, 1, 5], [Int8(-128), -3, -7, 127, 5])
    #expect(try evaluate(codes, x)[0].integers == [-128, -3, 127])
  }

  @Test func averagePool() throws {
    let window = WindowAttributes(kernelShape: [3, 2], pads: [1, 0, 1, 1], strides: [2, 2])
    let x = sample([1, 1, 5, 4])
    let counted = try evaluate(AveragePool(window, ceilMode: true, countIncludePad: true), x)[0]
    let sixths = floats(counted).map { ($0 * 6).rounded() }
    #expect(sixths == [-5, 7, -3, 4, 1, 2])
    let inside = try evaluate(AveragePool(window, ceilMode: true), x)[0]
    #expect(floats(inside) == [-1.25, 1.75, -0.5, 4 / 6, 0.25, 0.5])
    let dilated = AveragePool(
      WindowAttributes(kernelShape: [3], pads: [2, 1], strides: [3], dilations: [2]),
      ceilMode: true, countIncludePad: true)
    #expect(floats(try evaluate(dilated, sample([1, 1, 7]))[0]) == [-7 / 3, 4 / 3, 2.5])
    let same = AveragePool(
      WindowAttributes(kernelShape: [3], strides: [2], autoPad: .sameUpper))
    #expect(floats(try evaluate(same, sample([1, 1, 7]))[0]) == [-1.5, 5 / 3, 1, 0.5])
  }

  @Test func products() throws {
    let gemm = Gemm(alpha: 0.5, beta: 2, transA: true, transB: true)
    let c = AnyTensor(shape: [2], [Float(1), 2])
    #expect(
      floats(try evaluate(gemm, sample([3, 2]), sample([2, 3]), c)[0]) == [11.5, -11, 5, 16])
    #expect(
      floats(try evaluate(Gemm(), sample([2, 3]), sample([3, 2]), c.reshaped([2, 1]))[0])
        == [20, 7, -28, 26])
    func product(_ a: [Int], _ b: [Int]) throws -> ([Int], [Float]) {
      let y = try evaluate(MatMul(), sample(a), sample(b))[0]
      return (y.shape, floats(y))
    }
    #expect(
      try product([2, 1, 2, 3], [2, 3, 1])
        == ([2, 2, 2, 1], [33, -17, -17, 35, -12, -7, 32, 29]))
    #expect(try product([3], [2, 3, 2]) == ([2, 2], [19, 6, -26, 16]))
    #expect(try product([2, 2, 3], [3]) == ([2, 2], [33, -17, -12, -7]))
    #expect(try product([3], [3]) == ([], [33]))
  }

  @Test("integer products wrap and never trap")
  func integerProducts() throws {
    let x = AnyTensor(shape: [2, 2], [Int32(-5), 2, -2, 5])
    #expect(try evaluate(MatMul(), x, x)[0].integers == [21, 0, 0, 21])
    let largest = AnyTensor(shape: [1, 1], [Int64.max])
    #expect(try evaluate(Gemm(), largest, largest)[0].integers == [1])
    #expect(throws: Diagnostic.self) { try evaluate(Gemm(alpha: 0.5), largest, largest) }
  }
}
