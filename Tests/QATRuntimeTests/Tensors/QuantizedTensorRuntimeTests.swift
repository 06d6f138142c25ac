import QATCore
import QATIR
import QATRuntime
import Testing

/// The cases that ONNX Runtime computed for the graph's operations, on tensors without a graph.
@Suite("Arithmetic on codes gives what ONNX Runtime gives, bit for bit")
struct QuantizedTensorRuntimeTests {
  @Test(
    "additions and products of elements",
    arguments: RuntimeCase.elementwise.filter { $0.op is QLinearAdd || $0.op is QLinearMul })
  func elementwise(_ expected: RuntimeCase) throws {
    let a = try expected.tensor(0), b = try expected.tensor(3), c = try expected.result(6)
    let result = try expected.op is QLinearAdd ? a.adding(b, to: c) : a.multiplied(by: b, to: c)
    #expect(result.codes == expected.results[0])
  }

  @Test(
    "convolutions",
    arguments: RuntimeCase.convolutions.filter {
      $0.op is QLinearConv && $0.operands[0]?.shape.count == 4
    })
  func convolutions(_ expected: RuntimeCase) throws {
    let op = try #require(expected.op as? QLinearConv)
    let x = try expected.tensor(0), w = try expected.tensor(3, axis: 0)
    let y = try expected.result(6)
    let bias = expected.operands.count > 8 ? expected.operands[8] : nil
    let result =
      try bias.flatMap { Tensor<Int32>($0) }.map {
        try x.conv2d(w, biasCodes: $0, op.window, groups: op.group, to: y)
      } ?? x.conv2d(w, op.window, groups: op.group, to: y)
    #expect(result.codes == expected.results[0])
  }

  @Test("matrix products", arguments: RuntimeCase.products.filter { $0.op is QLinearMatMul })
  func products(_ expected: RuntimeCase) throws {
    let b = try #require(expected.operands[3])
    let result = try expected.tensor(0).matmul(
      expected.tensor(3, axis: b.shape.count - 1), to: expected.result(6))
    #expect(result.codes == expected.results[0])
  }

  @Test(
    "dense layers",
    arguments: RuntimeCase.products.filter {
      ($0.op as? QGemm).map { $0.alpha == 1 && $0.transB && !$0.transA } ?? false
    })
  func layers(_ expected: RuntimeCase) throws {
    let b = try expected.tensor(3, axis: 0), y = try expected.result(7)
    let columns = try QuantizedTensor(
      codes: transposed(b.codes),
      QuantizationParameters(
        scales: b.parameters.scales, zeroPoints: b.parameters.zeroPoints, grid: b.parameters.grid,
        axis: b.parameters.axis.map { _ in 1 }))
    let bias = try #require(expected.operands[6].flatMap { Tensor<Int32>($0) })
    let result = try expected.tensor(0).matmul(columns, biasCodes: bias, to: y)
    #expect(result.codes == expected.results[0])
  }

  @Test(
    "tables", arguments: RuntimeCase.tables.filter { $0.op is any QLinearUnary })
  func tables(_ expected: RuntimeCase) throws {
    let x = try expected.tensor(0), y = try expected.result(3)
    let leaky = expected.op as? QLinearLeakyRelu
    let result =
      try leaky.map { op in try x.mapped(to: y) { leakyRelu($0, alpha: op.alpha) } }
      ?? x.sigmoid(to: y)
    #expect(result.codes == expected.results[0])
  }

  @Test(
    "quantizing, along an axis and in blocks",
    arguments: RuntimeCase.linear.filter { $0.op is QuantizeLinear })
  func quantizing(_ expected: RuntimeCase) throws {
    let op = try #require(expected.op as? QuantizeLinear), codes = expected.results[0]
    let x = try #require(expected.operands[0].flatMap { Tensor<Float>($0) })
    guard x.elements.allSatisfy(\.isFinite) else {
      #expect(throws: Diagnostic.self) {
        try QuantizedTensor(
          quantizing: x,
          expected.parameters(1, codes.element, x.shape, axis: op.axis, blockSize: op.blockSize))
      }
      return
    }
    let parameters = try expected.parameters(
      1, codes.element, x.shape, axis: op.axis, blockSize: op.blockSize)
    #expect(try QuantizedTensor(quantizing: x, parameters).codes == codes)
  }

  @Test(
    "dequantizing, along an axis and in blocks",
    arguments: RuntimeCase.linear.filter {
      $0.op is DequantizeLinear && $0.operands[0]?.element != .i32
    })
  func dequantizing(_ expected: RuntimeCase) throws {
    let op = try #require(expected.op as? DequantizeLinear)
    let x = try #require(expected.operands[0])
    let parameters = try expected.parameters(
      1, x.element, x.shape, axis: op.axis, blockSize: op.blockSize)
    let tensor = try QuantizedTensor(codes: x, parameters)
    #expect(AnyTensor(tensor.dequantized()) == expected.results[0])
  }

  private func transposed(_ x: AnyTensor) throws -> AnyTensor {
    if let codes = Tensor<UInt8>(x) { return AnyTensor(try Primitives.transposed(codes)) }
    return AnyTensor(try Primitives.transposed(#require(Tensor<Int8>(x))))
  }
}

extension RuntimeCase {
  /// The parameters in two operands from `scale` on.
  fileprivate func parameters(
    _ scale: Int, _ codes: ElementType, _ shape: [Int], axis: Int, blockSize: Int = 0
  ) throws -> QuantizationParameters {
    let scales = try #require(operands[scale]?.elements(as: Float.self))
    let zeros = scale + 1 < operands.count ? operands[scale + 1]?.integers : nil
    let grid = try #require(IntegerGrid(codesOf: codes))
    let isOne = scales.count == 1 && blockSize == 0
    return try QuantizationParameters(
      scales: scales,
      zeroPoints: zeros.map { $0.count == 1 ? scales.map { [z = $0[0]] _ in z } : $0 } ?? [],
      grid: grid, axis: isOne ? nil : axis < 0 ? axis + shape.count : axis,
      blockSize: blockSize)
  }

  /// The codes at an operand and the parameters behind them.
  fileprivate func tensor(_ index: Int, axis: Int = 0) throws -> QuantizedTensor {
    let codes = try #require(operands[index])
    return try QuantizedTensor(
      codes: codes, parameters(index + 1, codes.element, codes.shape, axis: axis))
  }

  /// The grid of the first result.
  fileprivate func result(_ scale: Int) throws -> AffineGrid {
    try #require(parameters(scale, results[0].element, [], axis: 0).perTensor)
  }
}
