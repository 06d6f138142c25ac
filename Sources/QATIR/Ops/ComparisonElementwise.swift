import QATCore

/// A comparison of two tensors of one type, element by element, broadcast by NumPy's rule; the
/// result is a tensor of bool.
public protocol ComparisonElementwise: KeepsSamplesApart {
  /// The element types it takes; all numbers unless the operation says otherwise.
  static var elements: Set<ElementType> { get }
}

extension ComparisonElementwise {
  public static var elements: Set<ElementType> { .numeric }
  public static var operands: [OperandSpec] {
    [OperandSpec("a", elements, as: "T"), OperandSpec("b", elements, as: "T")]
  }
  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    [TensorType(.bool, try broadcastShape([operands[0].knownShape, operands[1].knownShape]))]
  }
  public func resultElements(_ operands: Operands) -> [ElementType] { [.bool] }
}
