import QATCore

/// A matrix with ones on a diagonal and zeros elsewhere.
///
/// - Operand: `x` [N, M]; only its shape and type are read.
/// - Result: [N, M] of the type `dtype`, of that of `x` where absent.
/// - Attributes: `dtype`; `k`, the diagonal: above the main one where positive.
public struct EyeLike: Operation {
  public static let name: OpName = "EyeLike"
  static let elements: Set<ElementType> = .numeric.union([.bool])
  public static let operands: [OperandSpec] = [OperandSpec("x", elements)]
  public static let attributes: [Attribute<Self>] = [.init("dtype", \.element), .init("k", \.k)]

  /// The type of the result; that of the operand where absent.
  public var element: ElementType? = nil
  /// How far the diagonal lies above the main one.
  public var k = 0

  public init() {}
  public init(element: ElementType?, k: Int = 0) {
    self.element = element
    self.k = k
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = operands[0].knownShape
    guard shape.rank == 2 else {
      throw Diagnostic(.shapeMismatch, "x has shape \(shape), expected a matrix")
    }
    let element = element ?? operands[0].element
    guard Self.elements.contains(element) else {
      throw Diagnostic(.invalidAttribute, "dtype \(element.name) is not supported")
    }
    return [TensorType(element, shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [element ?? operands[0].element]
  }
}
