import QATCore
import QATIR
import QATKernels

extension MatMulNBits: WidensFloats {
  /// Sums in float32, whatever `accuracy_level` allows a runtime to round to.
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    guard weightPrepacked == 0 else {
      throw Diagnostic(.unsupported, "prepacked weights are not supported")
    }
    let a: [Float] = call[0].elements() ?? []
    let weight = try weight(
      call[1], scales: call[2], zeroPoints: call.optional(3),
      groups: call.optional(4)?.integers)
    let bias = call.optional(5)?.elements(as: Float.self)
    var y: [Float] = []
    y.reserveCapacity(a.count / inner * columns)
    for row in 0..<a.count / inner {
      for column in 0..<columns {
        var sum: Float = 0
        for k in 0..<inner { sum += a[row * inner + k] * weight[column * inner + k] }
        y.append(sum + (bias?[column] ?? 0))
      }
    }
    return [AnyTensor(shape: call.shape(), y)]
  }

  /// The weight in float, [N, K].
  /// - Parameter groups: for each k the block whose parameters it has; its own where `nil`.
  /// - Throws: `invalid-data` for a group that is no block.
  func weight(
    _ b: AnyTensor, scales: AnyTensor, zeroPoints: AnyTensor?, groups: [Int]? = nil
  ) throws(Diagnostic) -> [Float] {
    if let outside = groups?.first(where: { !(0..<blocks).contains($0) }) {
      throw Diagnostic(.invalidData, "g_idx has \(outside), and there are \(blocks) blocks")
    }
    guard let bytes = b.elements(as: UInt8.self), let scale = scales.elements(as: Float.self),
      zeroPoints == nil || [.u8, .f32].contains(zeroPoints?.element)
    else {
      throw Diagnostic(.unsupported, "unsupported element type of scales or zero points")
    }
    let packed = zeroPoints?.elements(as: UInt8.self)
    let floats = zeroPoints?.elements(as: Float.self)
    let rowBytes = blocks * blockSize * bits / 8
    var result: [Float] = []
    result.reserveCapacity(columns * inner)
    for n in 0..<columns {
      for k in 0..<inner {
        let block = groups?[k] ?? k / blockSize
        let code = Float(Self.code(bytes, row: n * rowBytes, k, bits: bits))
        let zero =
          packed.map { Float(Self.code($0, row: n * zeroPointBytes, block, bits: bits)) }
          ?? floats?[n * blocks + block] ?? Float(1 << (bits - 1))
        result.append((code - zero) * scale[n * blocks + block])
      }
    }
    return result
  }

  /// The unsigned code of that index in a row of packed ones, which begins at a byte.
  private static func code(_ bytes: [UInt8], row: Int, _ index: Int, bits: Int) -> Int {
    let bit = index * bits
    return Int(bytes[row + bit / 8]) >> (bit % 8) & ((1 << bits) - 1)
  }
}

extension MatMulNBits: Executable {
  /// Products with a constant weight, which is dequantized and packed once.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32, let b = request.constant(1),
      let scales = request.constant(2), !request.isPresent(4), weightPrepacked == 0,
      !request.isPresent(3) || request.constant(3) != nil
    else { return nil }
    let weight = AnyTensor(
      shape: [columns, inner],
      try weight(b, scales: scales, zeroPoints: request.constant(3)))
    let rows = request.shape(0).dropLast().reduce(1, *), hasBias = request.isPresent(5)
    guard rows > 0 else { return nil }
    let pool = request.pool, (n, k) = (columns, inner)
    let packed = PackedMatrix(
      k: k, n: n, constant: weight, transposed: true,
      madeFrom: [b, scales] + (request.constant(3).map { [$0] } ?? []))
    return Kernel(scratchByteCount: FloatProduct.scratchByteCount(pool)) { call in
      guard let scratch = call.scratch else { return }
      FloatProduct.run(
        m: rows, n: n, k: k, a: call[0], transposeA: false, b: nil, transposeB: true,
        packed: packed, c: call.result(), columnBias: hasBias ? call[5] : nil, pool,
        scratch: scratch)
    }
  }
}
