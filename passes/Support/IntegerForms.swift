import QATCore
import QATIR

/// A value as an integer op sees it: codes and the parameters they are on.
struct QuantizedValue: Sendable {
  let codes: ValueID
  let scale: ValueID
  let zeroPoint: ValueID
  /// The type of the codes.
  let type: TensorType
  /// One scale per channel.
  let isPerChannel: Bool
  var element: ElementType { type.element }
}

/// The integer op that computes the codes of a node's result.
struct IntegerForm: Sendable {
  let op: any Operation
  let operands: [ValueID?]
}

/// Why a node stays in float, in words for the report.
struct Island: Error, Sendable {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}

/// An operation with an integer rule on the target `ort-cpu` (the rules are those of the op it
/// becomes: see the numerics of QLinearConv, QLinearAdd, …).
protocol HasIntegerForm: Operation {
  /// - Parameters:
  ///   - operands: the operands that are dequantized codes; others are `nil`.
  ///   - raw: all operands.
  ///   - result: scale and zero point of the quantizer behind the node, and the type of its codes.
  func integerForm(
    _ operands: [QuantizedValue?], raw: [ValueID?], result: QuantizedValue, in graph: Graph
  ) throws(Island) -> IntegerForm
}

extension HasIntegerForm {
  /// An operand that must be on an 8-bit grid per tensor.
  fileprivate func activation(_ operands: [QuantizedValue?], _ index: Int) throws(Island)
    -> QuantizedValue
  {
    guard index < operands.count, let operand = operands[index] else {
      throw Island("operand \(index) is not quantized")
    }
    guard Set<ElementType>.codes8.contains(operand.element) else {
      throw Island(
        "operand \(index) is on a \(operand.element.name) grid; integer kernels take 8 bits")
    }
    guard !operand.isPerChannel else { throw Island("operand \(index) has a scale per channel") }
    return operand
  }

  /// The weight of a product, and its bias codes where it has a bias.
  fileprivate func product(
    _ operands: [QuantizedValue?], raw: [ValueID?], in graph: Graph
  ) throws(Island) -> (x: QuantizedValue, w: QuantizedValue, bias: ValueID?) {
    guard operands.count > 1, let w = operands[1] else {
      let isGrouped = raw.count > 1 && graph.operation(DequantizeLinear.self, of: raw[1]) != nil
      throw Island(isGrouped ? "the weight has a scale per group" : "the weight is not quantized")
    }
    let x = try activation(operands, 0)
    guard Set<ElementType>.codes8.contains(w.element) else {
      throw Island("the weight is on a \(w.element.name) grid; integer kernels take 8 bits")
    }
    if x.element == .i8 && w.element == .u8 {
      throw Island("int8 activations with uint8 weights have no integer kernel")
    }
    guard raw.count > 2, raw[2] != nil else { return (x, w, nil) }
    guard let bias = operands[2], bias.element == .i32 else {
      throw Island("the bias is not int32")
    }
    return (x, w, bias.codes)
  }
}

extension Conv: HasIntegerForm {
  func integerForm(
    _ operands: [QuantizedValue?], raw: [ValueID?], result: QuantizedValue, in graph: Graph
  ) throws(Island) -> IntegerForm {
    let (x, w, bias) = try product(operands, raw: raw, in: graph)
    try sameElement(x, result)
    return IntegerForm(
      op: QLinearConv(window, group: group),
      operands: [
        x.codes, x.scale, x.zeroPoint, w.codes, w.scale, w.zeroPoint, result.scale,
        result.zeroPoint,
      ] + (bias.map { [$0] } ?? []))
  }
}

extension Gemm: HasIntegerForm {
  func integerForm(
    _ operands: [QuantizedValue?], raw: [ValueID?], result: QuantizedValue, in graph: Graph
  ) throws(Island) -> IntegerForm {
    let (x, w, bias) = try product(operands, raw: raw, in: graph)
    guard alpha == 1, beta == 1 || bias == nil else { throw Island("alpha or beta is not 1") }
    try sameElement(x, result)
    return IntegerForm(
      op: QGemm(transA: transA, transB: transB),
      operands: [
        x.codes, x.scale, x.zeroPoint, w.codes, w.scale, w.zeroPoint, bias, result.scale,
        result.zeroPoint,
      ])
  }
}

extension MatMul: HasIntegerForm {
  func integerForm(
    _ operands: [QuantizedValue?], raw: [ValueID?], result: QuantizedValue, in graph: Graph
  ) throws(Island) -> IntegerForm {
    let (x, w, _) = try product(operands, raw: raw, in: graph)
    try sameElement(x, result)
    return IntegerForm(
      op: QLinearMatMul(),
      operands: [
        x.codes, x.scale, x.zeroPoint, w.codes, w.scale, w.zeroPoint, result.scale,
        result.zeroPoint,
      ])
  }
}

/// Integer kernels write the type they read.
private func sameElement(_ x: QuantizedValue, _ y: QuantizedValue) throws(Island) {
  guard x.element == y.element else {
    throw Island("the codes going in are \(x.element.name), those coming out \(y.element.name)")
  }
}

extension HasIntegerForm {
  fileprivate func binary(
    _ op: any Operation, _ operands: [QuantizedValue?], _ result: QuantizedValue
  ) throws(Island) -> IntegerForm {
    let a = try activation(operands, 0), b = try activation(operands, 1)
    try sameElement(a, b)
    try sameElement(a, result)
    return IntegerForm(
      op: op,
      operands: [
        a.codes, a.scale, a.zeroPoint, b.codes, b.scale, b.zeroPoint, result.scale,
        result.zeroPoint,
      ])
  }

  fileprivate func unary(
    _ op: any Operation, _ operands: [QuantizedValue?], _ result: QuantizedValue
  ) throws(Island) -> IntegerForm {
    let x = try activation(operands, 0)
    try sameElement(x, result)
    return IntegerForm(
      op: op, operands: [x.codes, x.scale, x.zeroPoint, result.scale, result.zeroPoint])
  }
}

extension Add: HasIntegerForm {
  func integerForm(
    _ operands: [QuantizedValue?], raw: [ValueID?], result: QuantizedValue, in graph: Graph
  ) throws(Island) -> IntegerForm { try binary(QLinearAdd(), operands, result) }
}

extension Mul: HasIntegerForm {
  func integerForm(
    _ operands: [QuantizedValue?], raw: [ValueID?], result: QuantizedValue, in graph: Graph
  ) throws(Island) -> IntegerForm { try binary(QLinearMul(), operands, result) }
}

extension AveragePool: HasIntegerForm {
  func integerForm(
    _ operands: [QuantizedValue?], raw: [ValueID?], result: QuantizedValue, in graph: Graph
  ) throws(Island) -> IntegerForm {
    guard window.dilations.allSatisfy({ $0 == 1 }) else {
      throw Island("a dilated average has no integer kernel")
    }
    return try unary(
      QLinearAveragePool(window, ceilMode: ceilMode, countIncludePad: countIncludePad), operands,
      result)
  }
}

extension GlobalAveragePool: HasIntegerForm {
  func integerForm(
    _ operands: [QuantizedValue?], raw: [ValueID?], result: QuantizedValue, in graph: Graph
  ) throws(Island) -> IntegerForm { try unary(QLinearGlobalAveragePool(), operands, result) }
}

extension Sigmoid: HasIntegerForm {
  func integerForm(
    _ operands: [QuantizedValue?], raw: [ValueID?], result: QuantizedValue, in graph: Graph
  ) throws(Island) -> IntegerForm { try unary(QLinearSigmoid(), operands, result) }
}

extension LeakyRelu: HasIntegerForm {
  func integerForm(
    _ operands: [QuantizedValue?], raw: [ValueID?], result: QuantizedValue, in graph: Graph
  ) throws(Island) -> IntegerForm {
    var op = QLinearLeakyRelu()
    op.alpha = alpha
    return try unary(op, operands, result)
  }
}

/// A Relu between two quantizers is a LeakyRelu of slope 0: a table.
extension Relu: HasIntegerForm {
  func integerForm(
    _ operands: [QuantizedValue?], raw: [ValueID?], result: QuantizedValue, in graph: Graph
  ) throws(Island) -> IntegerForm {
    var op = QLinearLeakyRelu()
    op.alpha = 0
    return try unary(op, operands, result)
  }
}

extension Softmax: HasIntegerForm {
  func integerForm(
    _ operands: [QuantizedValue?], raw: [ValueID?], result: QuantizedValue, in graph: Graph
  ) throws(Island) -> IntegerForm {
    guard graph[result.scale].constant?.elements(as: Float.self) == [1.0 / 256],
      let zero = graph[result.zeroPoint].constant?.integers?.first,
      zero == (result.element == .i8 ? -128 : 0)
    else {
      throw Island("an integer Softmax needs the scale 1/256 and the lowest code as zero point")
    }
    var op = QLinearSoftmax()
    op.opset = 13
    op.axis = axis
    return try unary(op, operands, result)
  }
}

extension Concat: HasIntegerForm {
  func integerForm(
    _ operands: [QuantizedValue?], raw: [ValueID?], result: QuantizedValue, in graph: Graph
  ) throws(Island) -> IntegerForm {
    var list: [ValueID?] = [result.scale, result.zeroPoint]
    for index in operands.indices {
      let x = try activation(operands, index)
      try sameElement(x, result)
      list += [x.codes, x.scale, x.zeroPoint]
    }
    var op = QLinearConcat()
    op.axis = axis
    return IntegerForm(op: op, operands: list)
  }
}
