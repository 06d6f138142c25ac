import QATCore
import QATIR
import QATRuntime
import Testing

@Suite("Quantizers of tensors")
struct TensorQuantizerTests {
  @Test("symmetric int8 of numbers up to 1: scale 1/127, codes ±127")
  func symmetricGuide() throws {
    var quantizer = SymmetricQuantizer(grid: .int8)
    let weights = Tensor<Float>(shape: [5], [-1, -0.5, 0, 0.25, 1])
    let found = try quantizer.calibrate(weights)
    #expect(found == (try QuantizationParameters(scale: 1 / 127, zeroPoint: 0, grid: .int8)))
    let codes = try quantizer.quantize(weights)
    // -63.5 and 31.75: the tie goes to the even code.
    #expect(codes.codes == AnyTensor(shape: [5], [-127, -64, 0, 32, 127] as [Int8]))
    #expect(try quantizer.dequantize(codes).elements == [-1, -64.0 / 127, 0, 32.0 / 127, 1])
  }

  @Test("asymmetric uint8 of [0, 3]: scale 3/255, zero point 0, codes 0 and 255")
  func asymmetricGuide() throws {
    var quantizer = AsymmetricQuantizer(grid: .uint8)
    let found = try quantizer.calibrate(min: 0, max: 3)
    #expect(found == (try QuantizationParameters(scale: 3.0 / 255, zeroPoint: 0, grid: .uint8)))
    let codes = try quantizer.quantize(Tensor(shape: [4], [0, 3, -1, 5]))
    #expect(codes.codes == AnyTensor(shape: [4], [0, 255, 0, 255] as [UInt8]))
    #expect(codes.dequantized().elements == [0, 3, 0, 3])
  }

  @Test("10,000 weights shrink to a quarter, and to an eighth on 4 bits")
  func size() throws {
    var random = RandomCodes(seed: 1)
    let weights = random.floats([100, 100])
    var quantizer = SymmetricQuantizer()
    try quantizer.calibrate(weights)
    let codes = try quantizer.quantize(weights)
    #expect(weights.byteCount == 40_000 && codes.byteCount == 10_000 && codes.count == 10_000)
    var narrow = SymmetricQuantizer(grid: try IntegerGrid(bits: 4, signed: true))
    try narrow.calibrate(weights)
    let packed = try narrow.quantize(weights).packedCodes()
    #expect(packed.element == .i4 && packed.storage.byteCount == 5_000)
    #expect(packed.integers == (try narrow.quantize(weights).integers))
  }

  @Test("a scale per channel errs less than one per tensor where channels differ in size")
  func perChannel() throws {
    var random = RandomCodes(seed: 2)
    let sizes: [Float] = [0.01, 0.1, 1, 10]
    let rows = sizes.flatMap { random.floats([50], in: -$0...$0).elements }
    let weights = Tensor(shape: [4, 50], rows)
    func squaredErrors(_ axis: Int?) throws -> [Double] {
      var quantizer = SymmetricQuantizer(axis: axis)
      try quantizer.calibrate(weights)
      let back = try quantizer.fakeQuantize(weights)
      return (0..<4).map { row in
        (0..<50).reduce(0) {
          $0 + Double(back[row, $1] - weights[row, $1]) * Double(back[row, $1] - weights[row, $1])
        }
      }
    }
    let tensor = try squaredErrors(nil), channel = try squaredErrors(0)
    // The smallest channel is nearly lost under the scale of the largest one.
    for row in 0..<3 { #expect(channel[row] < tensor[row] / 10) }
    #expect(channel.reduce(0, +) < tensor.reduce(0, +))
  }

  @Test(
    "compute what the graph's QuantizeLinear, DequantizeLinear and FakeQuantize compute",
    arguments: ["i8", "u8", "i8n", "i4", "u4", "i2", "u2", "i16", "u16"], [nil, 0, 1, 2])
  func matchGraph(_ name: String, _ axis: Int?) throws {
    let grid = try #require(IntegerGrid(name))
    var random = RandomCodes(seed: 3)
    let x = random.floats([3, 4, 5], in: -7...5)
    for quantizer: any TensorQuantizer in [
      SymmetricQuantizer(grid: grid, axis: axis), AsymmetricQuantizer(grid: grid, axis: axis),
    ] {
      var quantizer = quantizer
      // Narrower than the data, so that some codes saturate.
      let count = axis.map { x.shape[$0] } ?? 1
      let parameters = try quantizer.calibrate(
        ranges: (0..<count).map { (min: -4 - Float($0), max: 3) })
      let shape = axis == nil ? [] : [count]
      let scale = AnyTensor(shape: shape, parameters.scales)
      let zero = AnyTensor(.i32, shape: shape, integers: parameters.zeroPoints)
      let fake = try ReferenceEvaluator.evaluate(
        FakeQuantize(grid: grid, axis: axis), [AnyTensor(x), scale, zero])[0]
      #expect(AnyTensor(try quantizer.fakeQuantize(x)) == fake)
      guard grid.fillsContainer else { continue }
      let codeZero = AnyTensor(grid.container, shape: shape, integers: parameters.zeroPoints)
      let codes = try ReferenceEvaluator.evaluate(
        QuantizeLinear(axis: axis ?? 1), [AnyTensor(x), scale, codeZero])[0]
      #expect(try quantizer.quantize(x).codes == codes)
    }
  }

  @Test("in blocks, each has the scale of its own numbers")
  func blocks() throws {
    let x = Tensor<Float>(shape: [2, 5], [1, -2, 3, 4, 8, 0.5, 0, 0, 0, -16])
    var quantizer = SymmetricQuantizer(grid: .int8, axis: 1, blockSize: 2)
    let found = try quantizer.calibrate(x)
    // The block of zeros takes the largest magnitude in the tensor.
    #expect(found.scales == [2, 4, 8, 0.5, 16, 16].map { $0 / 127 })
    let codes = try quantizer.quantize(x)
    #expect(codes.integers == [64, -127, 95, 127, 127, 127, 0, 0, 0, -127])
    let grids = (0..<6).map { found[$0] }
    let expected = [0, 0, 1, 1, 2, 3, 3, 4, 4, 5].enumerated().map {
      grids[$1].dequantize(codes.integers[$0])
    }
    #expect(codes.dequantized().elements == expected)
  }

  @Test("a channel of zeros takes the tensor's scale; a tensor of zeros 1/127")
  func zeros() throws {
    var quantizer = SymmetricQuantizer(axis: 0)
    let found = try quantizer.calibrate(Tensor(shape: [2, 2], [0, 0, 2, -1]))
    #expect(found.scales == [2.0 / 127, 2.0 / 127])
    #expect(
      try quantizer.calibrate(Tensor(shape: [2, 1], [0, 0])).scales == [1.0 / 127, 1.0 / 127])
    var other = AsymmetricQuantizer()
    #expect(try other.calibrate(min: 0, max: 0).scales == [1.0 / 255])
  }

  @Test("powers of two are rounded up to")
  func powersOfTwo() throws {
    var quantizer = SymmetricQuantizer(powerOfTwo: true)
    #expect(try quantizer.calibrate(min: -1, max: 0.3).scales == [1.0 / 64])
  }

  @Test("NaN, infinity and no data are errors that name the tensor and the place")
  func badData() throws {
    var quantizer = SymmetricQuantizer()
    for bad in [Float.nan, .infinity, -.infinity] {
      let x = Tensor(shape: [2, 3], [0, 0, 0, 0, 0, bad])
      let error = #expect(throws: Diagnostic.self) { try quantizer.calibrate(x, named: "conv1.w") }
      #expect(error?.code == .invalidData && error?.place == "tensor 'conv1.w'")
      #expect(error?.message.contains("[1, 2]") == true)
      #expect(quantizer.parameters == nil)
      #expect(throws: Diagnostic.self) { try quantizer.calibrate(min: 0, max: bad) }
    }
    #expect(throws: Diagnostic.self) { try quantizer.calibrate(Tensor(shape: [0, 3])) }
    #expect(throws: Diagnostic.self) { try quantizer.calibrate(min: 1, max: -1) }
    let early = #expect(throws: Diagnostic.self) { try quantizer.quantize(Tensor(1)) }
    #expect(early?.hint?.contains("calibrate") == true)
    try quantizer.calibrate(min: -1, max: 1)
    let error = #expect(throws: Diagnostic.self) {
      try quantizer.fakeQuantize(Tensor(shape: [2], [1, .nan]), named: "x")
    }
    #expect(error?.place == "tensor 'x'")
    #expect(try quantizer.quantize(Tensor(shape: [0, 3])).shape == [0, 3])
  }

  @Test("a channel axis must be one of the tensor's, with as many channels as were calibrated")
  func badAxis() throws {
    var quantizer = AsymmetricQuantizer(axis: 2)
    #expect(throws: Diagnostic.self) { try quantizer.calibrate(Tensor<Float>(shape: [2, 2])) }
    #expect(throws: Diagnostic.self) { try quantizer.calibrate(min: 0, max: 1) }
    try quantizer.calibrate(Tensor<Float>(shape: [1, 1, 3], [1, 2, 3]))
    let error = #expect(throws: Diagnostic.self) {
      try quantizer.quantize(Tensor<Float>(shape: [1, 1, 4]), named: "w")
    }
    #expect(error?.code == .shapeMismatch && error?.place == "tensor 'w'")
    let codes = try quantizer.quantize(Tensor<Float>(shape: [1, 1, 3], [1, 2, 3]))
    try quantizer.calibrate(Tensor<Float>(shape: [1, 1, 3], [1, 2, 4]))
    #expect(throws: Diagnostic.self) { try quantizer.dequantize(codes) }
  }
}
