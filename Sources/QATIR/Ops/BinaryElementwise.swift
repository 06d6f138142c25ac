import QATCore

/// Arithmetic on two tensors of one type, element by element, broadcast by NumPy's rule.
public protocol BinaryElementwise: Operation {}

extension BinaryElementwise {
  public static var operands: [OperandSpec] {
    [OperandSpec("a", .numeric, as: "T"), OperandSpec("b", .numeric, as: "T")]
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = try broadcastShape([operands[0].knownShape, operands[1].knownShape])
    return [TensorType(operands[0].element, shape)]
  }
}

extension ShapeArithmetic {
  /// The operation on known dimensions, a scalar against a vector included.
  public func elementwiseDimensions(
    _ operands: Operands, _ body: (Dimension, Dimension) -> Dimension?
  ) -> [Dimension]? {
    guard let a = operands.dimensions(0), let b = operands.dimensions(1),
      a.count == b.count || a.count == 1 || b.count == 1
    else { return nil }
    return (0..<(a.count == 1 ? b.count : a.count)).map {
      body(a[a.count == 1 ? 0 : $0], b[b.count == 1 ? 0 : $0]) ?? .unknown
    }
  }
}
