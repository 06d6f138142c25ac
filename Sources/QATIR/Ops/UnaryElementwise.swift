import QATCore

/// A function of one number, applied to every element: the result has the operand's type.
public protocol UnaryElementwise: WorksOnElements {
  /// The element types it takes; all floats unless the operation says otherwise.
  static var elements: Set<ElementType> { get }
}

extension UnaryElementwise {
  public static var elementOperands: [Int] { [0] }
  public static var elements: Set<ElementType> { .floats }
  public static var operands: [OperandSpec] { [OperandSpec("x", elements, as: "T")] }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    [operands[0]]
  }
}

extension Set<ElementType> {
  /// Types with negative numbers: floats and signed integers.
  public static let signed: Set = floats.union([.i8, .i16, .i32, .i64])
}
