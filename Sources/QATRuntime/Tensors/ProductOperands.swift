import QATCore

/// The two factors of a product of codes: `x` per tensor, `w` per tensor or per channel of the result.
struct ProductOperands {
  let x: AffineGrid
  let w: QuantizationParameters
  private let weights: QuantizedTensor

  /// - Throws: `unsupported`.
  init(
    _ x: QuantizedTensor, _ w: QuantizedTensor, channelAxis: Int
  ) throws(Diagnostic) {
    self.x = try x.byteGrid()
    guard w.codes.element.bitWidth == 8 else {
      throw Diagnostic(
        .unsupported, "weights of type \(w.codes.element.name) in integer arithmetic",
        hint: "requantize to at most 8 bits")
    }
    guard w.parameters.axis == nil || w.parameters.axis == channelAxis,
      w.parameters.blockSize == 0
    else {
      throw Diagnostic(
        .unsupported,
        "weights with scales along axis \(w.parameters.axis ?? 0)"
          + (w.parameters.blockSize > 0 ? " in blocks" : ""),
        hint: "a product takes one scale, or one along axis \(channelAxis)")
    }
    self.w = w.parameters
    weights = w
  }

  /// The int32 codes of a bias on the scale of the sums.
  /// - Throws: `invalid-data`, naming the channel, for a number that is not finite or whose code is
  ///   beyond 2³⁰; `shape-mismatch`.
  func biasCodes(_ bias: Tensor<Float>) throws(Diagnostic) -> Tensor<Int32> {
    guard bias.rank == 1, w.axis == nil || bias.count == w.count else {
      throw Diagnostic(
        .shapeMismatch, "the bias has shape \(bias.shape), expected one element for each channel")
    }
    var codes: [Int32] = []
    for (channel, b) in bias.elements.enumerated() {
      let scale = biasScale(x.scale, w.scales[w.count == 1 ? 0 : channel])
      guard b.isFinite, abs(b / scale) <= 0x1p30 else {
        throw Diagnostic(
          .invalidData,
          "the bias \(b) of channel \(channel) does not fit into int32 with scale \(scale)",
          hint: b.isFinite ? "raise the scale of the weights" : nil)
      }
      codes.append(quantizedBias(b, scale: scale))
    }
    return Tensor(shape: bias.shape, codes)
  }

  /// Proves that every sum fits into int32: first for any weights on the grid, then for these ones.
  ///
  /// - Parameters:
  ///   - length: how many products a sum has.
  ///   - channel: the sum that a weight, counted in row-major order, takes part in.
  /// - Throws: `invalid-data`.
  func checkSums(
    of length: Int, bias: Tensor<Int32>?, channel: (Int) -> Int
  ) throws(Diagnostic) {
    func reach(_ grid: AffineGrid) -> Int {
      max(grid.zeroPoint - grid.grid.min, grid.grid.max - grid.zeroPoint)
    }
    let largest = bias?.elements.reduce(0) { max($0, Int($1.magnitude)) } ?? 0
    let room = Int(Int32.max) - largest, step = reach(x)
    let widest = (0..<w.count).reduce(0) { max($0, reach(w[$1])) }
    if length * step * widest <= room { return }
    var sums: [Int: Int] = [:]
    let granularity = try w.granularity(of: weights.shape)
    for (index, code) in (weights.codes.integers ?? []).enumerated() {
      sums[channel(index), default: 0] += abs(
        code - w.zeroPoints[granularity.parameter(of: index)])
    }
    guard let sum = sums.values.max(), sum * step > room else { return }
    throw Diagnostic(
      .invalidData, "sums of \(length) products may not fit into 32 bits",
      hint: "use fewer bits, or split the product")
  }
}

extension ProductRule {
  /// Of operands with known parameters.
  /// - Throws: `shape-mismatch` where weights have another number of scales than channels;
  ///   `unsupported` for a result of 16 bits.
  init(
    _ operands: ProductOperands, to y: AffineGrid, channels: Int
  ) throws(Diagnostic) {
    let w = operands.w
    guard w.axis == nil || w.count == channels else {
      throw Diagnostic(.shapeMismatch, "\(w.count) scales for \(channels) channels")
    }
    guard y.grid.container.bitWidth == 8 else {
      throw Diagnostic(
        .unsupported, "a product to codes of type \(y.grid.container.name)",
        hint: "use at most 8 bits")
    }
    multipliers = w.scales.map { requantizationMultiplier(operands.x.scale, $0, y.scale) }
    inputZero = Int32(operands.x.zeroPoint)
    weightZeros =
      w.zeroPoints.allSatisfy { $0 == 0 }
      ? nil : (0..<channels).map { Int32(w.zeroPoints[w.count == 1 ? 0 : $0]) }
    resultZero = Int32(y.zeroPoint)
    range = y.grid.codeRange
  }
}
