import QATCore
import QATIR
import QATRuntime
import Testing

/// One operation, its operands, and the results of ONNX Runtime.
struct RuntimeCase: Sendable, CustomTestStringConvertible {
  let name: String
  let op: any Operation
  let operands: [AnyTensor?]
  let results: [AnyTensor]

  init(_ name: String, _ op: any Operation, _ operands: [AnyTensor?], _ results: [AnyTensor]) {
    self.name = name
    self.op = op
    self.operands = operands
    self.results = results
  }

  var testDescription: String { name }
}

@Suite("Quantized operations")
struct QuantizedOpsTests {
  @Test(
    "give what ONNX Runtime gives, bit for bit",
    arguments: RuntimeCase.elementwise + RuntimeCase.tables + RuntimeCase.averages
      + RuntimeCase.convolutions + RuntimeCase.products + RuntimeCase.linear)
  func matchRuntime(_ expected: RuntimeCase) throws {
    let results = try ReferenceEvaluator.evaluate(
      expected.op, expected.operands, resultCount: expected.results.count)
    for (result, expected) in zip(results, expected.results) {
      #expect(result.element == expected.element && result.shape == expected.shape)
      #expect(result.doubles == expected.doubles)
    }
  }

  @Test("all are registered under their ONNX names")
  func registered() {
    for name in [
      "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv",
      "QLinearMatMul", "ConvInteger", "MatMulInteger", "com.microsoft.QGemm",
      "com.microsoft.QLinearAdd", "com.microsoft.QLinearMul", "com.microsoft.QLinearConcat",
      "com.microsoft.QLinearAveragePool", "com.microsoft.QLinearGlobalAveragePool",
      "com.microsoft.QLinearSigmoid", "com.microsoft.QLinearLeakyRelu",
      "com.microsoft.QLinearSoftmax", "qat.FakeQuantize", "qat.FakeQuantizeGradient",
      "qat.FakeQuantizeBias", "qat.MinMax", "qat.ScaleFromRange", "qat.Observe", "qat.Assign",
    ] { #expect(OpRegistry.builtin[OpName(name)] != nil, "\(name)") }
  }

  @Test(
    "codes of 2 and 4 bits are written packed and read back",
    arguments: [ElementType.i4, .u4, .i2, .u2])
  func packedCodes(_ element: ElementType) throws {
    let x = AnyTensor(shape: [5], [-9, -1.5, 0.5, 2.5, 40] as [Float])
    let scale = AnyTensor(Float(1))
    let zero = AnyTensor(element, shape: [], integers: [1])
    let grid = try #require(IntegerGrid(codesOf: element))
    let parameters = AffineGrid(scale: 1, zeroPoint: 1, grid: grid)
    let codes = try ReferenceEvaluator.evaluate(QuantizeLinear(), [x, scale, zero])[0]
    #expect(codes.element == element)
    #expect(codes.integers == (x.elements() ?? []).map(parameters.quantize))
    let back = try ReferenceEvaluator.evaluate(DequantizeLinear(), [codes, scale, zero])[0]
    #expect(back.elements() == codes.integers?.map(parameters.dequantize))
  }

  @Test("mistakes are diagnostics: parameters of the wrong shape, missing attributes, odd operands")
  func mistakes() {
    let x = AnyTensor(.u8, shape: [2, 3], integers: Array(0..<6))
    let one = AnyTensor(Float(1))
    let zero = AnyTensor(UInt8(0))
    let two = AnyTensor(shape: [2], [1, 1] as [Float])
    let broken: [(any Operation, [AnyTensor?])] = [
      (QLinearAdd(), [x, two, zero, x, one, zero, one, zero]),
      (QLinearSoftmax(), [x, one, zero, one, zero]),
      (QLinearConcat(), [one, zero, x, one, zero]),
      (QLinearConcat(axis: 0), [one, zero, x, one]),
      (QGemm(), [x, one, zero, x, one, zero]),
      (DequantizeLinear(axis: 1), [x, two]),
      (QuantizeLinear(output: .f32), [AnyTensor(Float(1)), one]),
      (DynamicQuantizeLinear(), [AnyTensor(shape: [2], [1, .nan] as [Float])]),
    ]
    for (op, operands) in broken {
      #expect(throws: Diagnostic.self, "\(op.name)") {
        try ReferenceEvaluator.evaluate(op, operands)
      }
    }
  }
}
