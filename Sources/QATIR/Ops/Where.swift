import QATCore

/// `x` where the condition holds, `y` elsewhere; all three broadcast.
public struct Where: Operation, ShapeArithmetic {
  public static let name: OpName = "Where"
  public static let operands: [OperandSpec] = [
    OperandSpec("condition", [.bool]), .any("x"), .any("y"),
  ]
  public static let results: [ResultSpec] = ["z"]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = try broadcastShape((0..<3).map { operands[$0].knownShape })
    return [TensorType(operands[1].element, shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [operands[1].element] }

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    guard let condition = operands.integers(0), let x = operands.dimensions(1),
      let y = operands.dimensions(2)
    else { return nil }
    let count = max(condition.count, x.count, y.count)
    guard [condition.count, x.count, y.count].allSatisfy({ $0 == count || $0 == 1 }) else {
      return nil
    }
    return (0..<count).map { index in
      let isTrue = condition[condition.count == 1 ? 0 : index] != 0
      return isTrue ? x[x.count == 1 ? 0 : index] : y[y.count == 1 ? 0 : index]
    }
  }
}

extension Where: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let zero = builder.scalar(0, like: call.seed), condition = call.operand(0)
    return [0, 1, 2].map { index in
      guard index > 0, call.needs(index) else { return nil }
      let chosen = index == 1 ? [condition, call.seed, zero] : [condition, zero, call.seed]
      return builder.reduce(builder.emit(Where(), chosen), like: call.operand(index))
    }
  }
}
