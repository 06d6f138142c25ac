import QATCore
import QATIR
import QATRewrite

/// A MatMul or Gemm with a constant weight as `MatMulNBits` of 4 bits.
struct PackedProduct: Sendable {
  private let x: ValueID
  private let transposesInput: Bool
  private let bias: ValueID?
  private let op: MatMulNBits
  private let codes: AnyTensor, scales: AnyTensor, zeroPoints: AnyTensor?

  /// - Throws: why the operation does not hold the product.
  init(_ id: NodeID, _ weight: ConstantWeight, in graph: Graph) throws(Island) {
    let shape = weight.codes.shape
    let isTransposed: Bool
    switch graph[id].op {
    case is MatMul: (isTransposed, transposesInput) = (false, false)
    case let gemm as Gemm:
      guard gemm.alpha == 1, gemm.beta == 1 || weight.bias == nil else {
        throw Island("alpha or beta is not 1")
      }
      (isTransposed, transposesInput) = (gemm.transB, gemm.transA)
    default: throw Island("MatMulNBits is a matrix product")
    }
    guard shape.count == 2, (graph[weight.input].type.shape?.rank ?? 0) >= 2 else {
      throw Island("MatMulNBits takes a matrix, and activations of rank 2 or more")
    }
    let inner = shape[isTransposed ? 1 : 0], columns = shape[isTransposed ? 0 : 1]
    let innerAxis = isTransposed ? 1 : 0
    var block = weight.op.blockSize
    if weight.axis == innerAxis && block == 0 && weight.scales.count > 1 {
      throw Island("it has a scale for each input channel")
    }
    if block > 0 {
      guard weight.axis == innerAxis, block >= 16, block.nonzeroBitCount == 1 else {
        throw Island("MatMulNBits takes blocks of a power of two, 16 or more, of input channels")
      }
    } else {
      block = Self.smallestBlock(inner: inner)
    }
    guard let integers = weight.codes.integers, let zeros = weight.zeros.integers else {
      throw Island("its codes are no integers")
    }
    // Signed codes -8…7 are unsigned ones with the zero point moved by 8.
    let offset = weight.codes.element.isSigned ? 8 : 0
    guard (integers + zeros).allSatisfy({ (0...15).contains($0 + offset) }) else {
      throw Island("its codes do not fit 4 bits")
    }
    op = MatMulNBits(inner: inner, columns: columns, bits: 4, blockSize: block)
    let blocks = op.blocks
    var packed = Array(repeating: UInt8(0), count: columns * blocks * block / 2)
    var scale = Array(repeating: Float(0), count: columns * blocks)
    var zero = Array(repeating: 0, count: columns * blocks)
    for n in 0..<columns {
      for k in 0..<inner {
        let element = isTransposed ? n * inner + k : k * columns + n
        let parameter = weight.granularity.parameter(of: element)
        let place = n * blocks * block + k
        packed[place / 2] |= UInt8(integers[element] + offset) << (place % 2 * 4)
        scale[n * blocks + k / block] = weight.scales[parameter]
        zero[n * blocks + k / block] = zeros[parameter] + offset
      }
    }
    x = weight.input
    bias = weight.bias
    codes = AnyTensor(shape: [columns, blocks, block / 2], packed)
    scales = AnyTensor(shape: [columns, blocks], scale)
    zeroPoints = zero.allSatisfy { $0 == 8 } ? nil : Self.packed(zero, op, columns: columns)
  }

  /// The product, and the bias added to it.
  func term(accuracyLevel: Int) -> Term {
    let product = self
    return Term { builder in
      var op = product.op
      op.accuracyLevel = accuracyLevel
      let x =
        product.transposesInput
        ? builder.emit(Transpose(perm: [1, 0]), [product.x]) : product.x
      let operands: [ValueID?] = [
        x, builder.constant(product.codes, name: "codes"),
        builder.constant(product.scales, name: "scales"),
        product.zeroPoints.map { builder.constant($0, name: "zero_points") },
      ]
      let y = builder.emit(op, product.zeroPoints == nil ? Array(operands.dropLast()) : operands)
      guard let bias = product.bias else { return y }
      return builder.emit(Add(), [y, bias])
    }
  }

  /// For one scale a row: the size of block with the fewest bytes, of codes that fill up the last block
  /// and of scales that are written for each.
  private static func smallestBlock(inner: Int) -> Int {
    let sizes = (4...16).map { 1 << $0 }
    func bytes(_ block: Int) -> Int { (inner + block - 1) / block * (block / 2 + 4) }
    return sizes.min { bytes($0) < bytes($1) } ?? 32
  }

  private static func packed(_ zeros: [Int], _ op: MatMulNBits, columns: Int) -> AnyTensor {
    var bytes = Array(repeating: UInt8(0), count: columns * op.zeroPointBytes)
    for n in 0..<columns {
      for block in 0..<op.blocks {
        bytes[n * op.zeroPointBytes + block / 2] |=
          UInt8(zeros[n * op.blocks + block]) << (block % 2 * 4)
      }
    }
    return AnyTensor(shape: [columns, op.zeroPointBytes], bytes)
  }
}
