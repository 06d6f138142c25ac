import QATCore

/// `x` broadcast together with `shape` i64[k]: a 1 there keeps the dimension of `x`.
public struct Expand: Operation {
  public static let name: OpName = "Expand"
  public static let operands: [OperandSpec] = [.any("x"), .i64("shape")]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard let target = operands.dimensions(1) ?? operands.integers(1)?.map({ Dimension($0) }) else {
      let rank = operands[1].knownShape.dimensions.first?.size
      let shape = rank.map {
        Shape(Array(repeating: .unknown, count: max($0, operands[0].knownShape.rank)))
      }
      return [TensorType(operands[0].element, shape)]
    }
    let shape = try broadcastShape([operands[0].knownShape, Shape(target)])
    return [TensorType(operands[0].element, shape)]
  }
}

extension Expand: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.reduce(call.seed, like: call.operand(0)), nil]
  }
}
