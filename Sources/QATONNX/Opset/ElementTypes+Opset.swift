import QATCore
import QATIR

extension OpsetHistory {
  /// Element types that operations took later than with opset 13.
  static let laterTypes = [
    laterTypes(14, ["Add", "Sub", "Mul", "Div"], [.i8, .i16, .u8, .u16]),
    laterTypes(14, ["Relu"], [.i8, .i16, .i32, .i64]), laterTypes(14, ["CumSum"], [.f16, .bf16]),
    laterTypes(16, ["LeakyRelu", "PRelu", "GreaterOrEqual", "LessOrEqual", "Where"], [.bf16]),
    laterTypes(20, ["ReduceMax", "ReduceMin"], [.bool]), laterTypes(20, ["IsNaN"], floats8),
    laterTypes(20, ["IsInf"], floats8.union([.f16, .bf16])),
    laterTypes(
      22,
      [
        "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Elu", "HardSigmoid",
        "HardSwish", "Mish", "Round", "Selu", "Sin", "Sinh", "Softplus", "Softsign", "Tan",
        "ThresholdedRelu",
      ], [.bf16]),
    laterTypes(24, ["TopK"], [.bf16]), laterTypes(28, ["OneHot"], [.bf16]),
    laterTypes(28, ["Celu"], [.f64, .f16, .bf16]),
    laterTypes(28, ["BitShift"], [.i8, .i16, .i32, .i64]),
  ].flatMap { $0 }

  private static let floats8: Set<ElementType> = [.f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz]

  private static func laterTypes(
    _ version: Int, _ ops: [String], _ elements: Set<ElementType>
  ) -> [OpsetHistory] {
    ops.map { op in
      OpsetHistory(
        op,
        needed: { node, graph in
          let isLater = node.operands.contains { operand in
            operand.map { elements.contains(graph[$0].type.element) } ?? false
          }
          return isLater ? version : 13
        })
    }
  }
}
