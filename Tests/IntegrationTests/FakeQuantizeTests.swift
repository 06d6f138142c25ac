import QAT
import Testing

/// What rounding to a grid does to numbers, by the quantizers and by the operation of graphs.
@Suite("Fake quantize")
struct FakeQuantizeTests {
  /// A grid's name with its codes.
  struct Codes: Sendable, CustomTestStringConvertible {
    let name: String
    let low: Int
    let high: Int
    var testDescription: String { name }
  }

  static let grids = [
    Codes(name: "i8", low: -128, high: 127), Codes(name: "i8n", low: -127, high: 127),
    Codes(name: "u8", low: 0, high: 255), Codes(name: "i4", low: -8, high: 7),
    Codes(name: "i4n", low: -7, high: 7), Codes(name: "u4", low: 0, high: 15),
    Codes(name: "i3", low: -4, high: 3), Codes(name: "u2", low: 0, high: 3),
    Codes(name: "i2n", low: -1, high: 1), Codes(name: "i16", low: -32768, high: 32767),
  ]

  /// Numbers on both sides of the range -1.5...2.5, and many that lie in the middle of two codes.
  private func samples(_ scale: Float) -> [Float] {
    (-400...600).map { Float($0) / 100 } + (-40...40).map { (Float($0) + 0.5) * scale }
  }

  private func check(_ y: [Float], of x: [Float], _ grid: ReferenceGrid) {
    let bottom = Float(grid.low - grid.zero) * grid.scale
    let top = Float(grid.high - grid.zero) * grid.scale
    for (x, y) in zip(x, y) {
      #expect(y == grid.value(x), "\(x)")
      let code = (y / grid.scale).rounded()
      #expect(y == code * grid.scale, "\(x) -> \(y) is on no code")
      if grid.isInside(x) {
        // Half a step, and the rounding of y and of the step themselves.
        #expect(abs(y - x) <= grid.scale / 2 + abs(x) * 1e-6, "\(x) -> \(y)")
      } else {
        #expect(y == (x < 0 ? bottom : top), "\(x) -> \(y)")
      }
    }
  }

  /// The operation in a graph, with one scale.
  private func byNode(_ x: [Float], _ codes: Codes, _ grid: ReferenceGrid) throws -> [Float] {
    let graph = try Graph(
      text: """
        graph @one(%x: f32[N]) -> (%y: f32[N]) {
          constant %s: f32[] = [\(grid.scale)]
          constant %z: i32[] = [\(grid.zero)]
          %y = qat.FakeQuantize(%x, %s, %z) {grid = \(codes.name)}
        }
        """)
    return try run(graph, ["x": AnyTensor(shape: [x.count], x)]).floats
  }

  @Test(
    "puts numbers on an asymmetric grid: half a step off inside, at its ends outside",
    arguments: grids.filter { !$0.name.hasSuffix("n") })
  func asymmetric(_ codes: Codes) throws {
    let grid = ReferenceGrid.asymmetric(low: codes.low, high: codes.high, min: -1.5, max: 2.5)
    let x = samples(grid.scale)
    var quantizer = AsymmetricQuantizer(grid: try #require(IntegerGrid(codes.name)))
    let found = try quantizer.calibrate(min: -1.5, max: 2.5)
    #expect(found.scales == [grid.scale] && found.zeroPoints == [grid.zero])
    let y = try quantizer.fakeQuantize(Tensor(shape: [x.count], x)).elements
    check(y, of: x, grid)
    #expect(try byNode(x, codes, grid) == y)
  }

  @Test(
    "puts numbers on a symmetric grid whose zero is zero",
    arguments: grids.filter { $0.low < 0 })
  func symmetric(_ codes: Codes) throws {
    let grid = ReferenceGrid.symmetric(low: codes.low, high: codes.high, magnitude: 2.5)
    let x = samples(grid.scale)
    var quantizer = SymmetricQuantizer(grid: try #require(IntegerGrid(codes.name)))
    let found = try quantizer.calibrate(min: -1.5, max: 2.5)
    #expect(found.scales == [grid.scale] && found.zeroPoints == [0])
    let y = try quantizer.fakeQuantize(Tensor(shape: [x.count], x)).elements
    check(y, of: x, grid)
    #expect(try byNode(x, codes, grid) == y)
  }

  @Test("changes nothing the second time, and never moves zero", arguments: grids)
  func idempotent(_ codes: Codes) throws {
    let grid = ReferenceGrid.asymmetric(low: codes.low, high: codes.high, min: -1.1, max: 2.3)
    let once = try byNode(samples(grid.scale) + [0], codes, grid)
    #expect(try byNode(once, codes, grid) == once)
    #expect(once.last == 0)
  }

  @Test("adds the noise of a uniform step: s²/12, 6.02 dB less for each bit")
  func noise() throws {
    var random = RandomSource(seed: 7)
    let x = (0..<20_000).map { _ in Float(random.index(below: 1 << 20)) / Float(1 << 19) - 1 }
    var last: Double?
    for bits in [4, 6, 8] {
      var quantizer = AsymmetricQuantizer(grid: try IntegerGrid(bits: bits, signed: false))
      let scale = try quantizer.calibrate(min: -1, max: 1).scales[0]
      let y = try quantizer.fakeQuantize(Tensor(shape: [x.count], x)).elements
      let errors = zip(x, y).map { Double($0 - $1) }
      let variance = errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)
      let expected = Double(scale) * Double(scale) / 12
      // The spread of a mean of 20,000 squares is below 1 %.
      #expect(abs(variance / expected - 1) < 0.03, "\(bits) bits: \(variance), not \(expected)")
      let ratio = decibels(x, y)
      if let last { #expect(abs(ratio - last - 2 * 6.02) < 0.6, "\(bits) bits: \(ratio) dB") }
      last = ratio
    }
  }

  @Test("takes each channel's own scale, which suits channels of unequal size better")
  func channels() throws {
    // Four channels, each ten times as large as the one before.
    let sizes: [Float] = [0.01, 0.1, 1, 10]
    let x = sizes.indices.flatMap { channel in numbers(32, channel).map { $0 * sizes[channel] } }
    let weights = Tensor<Float>(shape: [4, 32], x)
    var perChannel = SymmetricQuantizer(grid: .int8, axis: 0)
    let scales = try perChannel.calibrate(weights).scales
    let y = try perChannel.fakeQuantize(weights).elements
    for channel in 0..<4 {
      let part = Array(x[channel * 32..<(channel + 1) * 32])
      let grid = ReferenceGrid.symmetric(
        low: -128, high: 127, magnitude: part.map(abs).max() ?? 0)
      #expect(scales[channel] == grid.scale)
      #expect(Array(y[channel * 32..<(channel + 1) * 32]) == part.map(grid.value))
    }
    var perTensor = SymmetricQuantizer(grid: .int8)
    try perTensor.calibrate(weights)
    let z = try perTensor.fakeQuantize(weights).elements
    // Of the smallest channel nothing is left with the largest one's scale.
    #expect(z[..<32].allSatisfy { $0 == 0 } && decibels(Array(x[..<32]), Array(y[..<32])) > 40)
  }

  @Test("names a tensor that holds NaN") func refusal() throws {
    var quantizer = SymmetricQuantizer(grid: .int8)
    let error = #expect(throws: Diagnostic.self) {
      try quantizer.calibrate(Tensor(shape: [2], [1, .nan]), named: "conv1.weight")
    }
    #expect(error?.code == .invalidData && error?.description.contains("conv1.weight") == true)
  }
}
