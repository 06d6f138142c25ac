import QATCore
import QATIR
import QATRuntime
import Testing

@Suite("MatMulNBits")
struct MatMulNBitsTests {
  /// K = 17 and blocks of 16: the second one has one weight of its own. Row 0 holds 0…15 and 3, row 1
  /// the same backwards and 12; what fills up the second block is all ones, and must not count.
  private let packed: [UInt8] =
    [0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE] + [0xF3] + Array(repeating: 0xFF, count: 7)
    + [0xEF, 0xCD, 0xAB, 0x89, 0x67, 0x45, 0x23, 0x01] + [0xFC] + Array(repeating: 0xFF, count: 7)

  private func operands(zeros: AnyTensor?, bias: AnyTensor?) -> [AnyTensor?] {
    [
      AnyTensor(shape: [1, 17], (0..<17).map { Float($0 == 2 ? 1 : $0 == 16 ? 100 : 0) }),
      AnyTensor(shape: [2, 2, 8], packed), AnyTensor(shape: [2, 2], [0.5, 2, 0.25, 4] as [Float]),
      zeros, nil, bias,
    ]
  }

  @Test("reads codes and zero points low bits first, each block with its scale")
  func layout() throws {
    let op = MatMulNBits(inner: 17, columns: 2, bits: 4, blockSize: 16)
    // x picks the weights 2 and 16: (2 - 8) / 2 + 100 · (3 - 8) · 2, (13 - 8) / 4 + 100 · (12 - 8) · 4.
    let plain = try ReferenceEvaluator.evaluate(op, operands(zeros: nil, bias: nil))[0]
    #expect(plain == AnyTensor(shape: [1, 2], [-1003, 1601.25] as [Float]))
    // Zero points 1 and 2 in the first row, 15 and 0 in the second; a bias.
    let zeros = AnyTensor(shape: [2, 1], [0x21, 0x0F] as [UInt8])
    let bias = AnyTensor(shape: [2], [1, -1] as [Float])
    let all = try ReferenceEvaluator.evaluate(op, operands(zeros: zeros, bias: bias))[0]
    #expect(all == AnyTensor(shape: [1, 2], [0.5 + 200 + 1, -0.5 + 4800 - 1] as [Float]))
    // The same in float, which is not packed.
    let floats = AnyTensor(shape: [2, 2], [1, 2, 15, 0] as [Float])
    #expect(try ReferenceEvaluator.evaluate(op, operands(zeros: floats, bias: bias))[0] == all)
  }

  @Test("has a kernel that agrees with the reference", arguments: [2, 4, 8])
  func kernel(_ bits: Int) throws {
    let op = MatMulNBits(inner: 70, columns: 9, bits: bits, blockSize: 32)
    let blocks = 3
    #expect(op.blocks == blocks)
    let bytes = (0..<9 * blocks * 32 * bits / 8).map { UInt8($0 * 73 % 256) }
    let scales = (0..<9 * blocks).map { Float($0 % 7 + 1) / 16 }
    let zeros = (0..<9 * op.zeroPointBytes).map { UInt8($0 * 29 % 256) }
    let x = AnyTensor(shape: [2, 3, 70], (0..<420).map { Float($0 * 31 % 64 - 32) / 16 })
    var builder = GraphBuilder(Graph(name: "g"))
    let input = builder.graph.addInput("x", x.type)
    let constants = [
      AnyTensor(shape: [9, blocks, 32 * bits / 8], bytes), AnyTensor(shape: [9, blocks], scales),
      AnyTensor(shape: [9, op.zeroPointBytes], zeros),
    ]
    let ids = constants.map { builder.constant($0) }
    builder.graph.setOutputs([builder.emit(op, [input] + ids)])
    let y = try #require(try Session(builder.graph).run(["x": x])[0].doubles)
    let reference = try #require(
      try ReferenceEvaluator.evaluate(op, [x] + constants)[0].doubles)
    let largest = reference.map(abs).max() ?? 1
    // Sums of 70 products in another order.
    #expect(zip(y, reference).allSatisfy { abs($0 - $1) <= 1e-5 * largest })
  }

  @Test("refuses sizes that lie")
  func mistakes() {
    let good = operands(zeros: nil, bias: nil)
    for op in [
      MatMulNBits(inner: 17, columns: 3, bits: 4, blockSize: 16),
      MatMulNBits(inner: 17, columns: 2, bits: 8, blockSize: 16),
      MatMulNBits(inner: 17, columns: 2, bits: 4, blockSize: 15),
      MatMulNBits(inner: 17, columns: 2, bits: 4, blockSize: 8),
      MatMulNBits(inner: 18, columns: 2, bits: 4, blockSize: 16),
      MatMulNBits(inner: 1 << 40, columns: 1 << 40, bits: 4, blockSize: 16), MatMulNBits(),
    ] {
      #expect(throws: Diagnostic.self) { try ReferenceEvaluator.evaluate(op, good) }
    }
  }
}
