import QATCore

/// Arithmetic on two tensors of one type, element by element, broadcast by NumPy's rule.
public protocol BinaryElementwise: WorksOnElements {
  /// The element types it takes; all numbers unless the operation says otherwise.
  static var elements: Set<ElementType> { get }
}

extension BinaryElementwise {
  public static var elementOperands: [Int] { [0, 1] }
  public static var elements: Set<ElementType> { .numeric }
  public static var operands: [OperandSpec] {
    [OperandSpec("a", elements, as: "T"), OperandSpec("b", elements, as: "T")]
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
