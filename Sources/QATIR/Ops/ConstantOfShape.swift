import QATCore

/// A tensor whose elements are all the same.
///
/// - Operand: `shape` i64[rank]; empty for a scalar.
/// - Result: of that shape and the element type of `value`.
/// - Attribute: `value`, a tensor of one element; absent: 0 of type f32.
public struct ConstantOfShape: Operation, ShapeArithmetic {
  public static let name: OpName = "ConstantOfShape"
  public static let operands: [OperandSpec] = [.i64("shape")]
  public static let attributes: [Attribute<Self>] = [.init("value", \.value)]

  /// One element: what all are, and of which type; float 0 where absent.
  public var value: AnyTensor? = nil

  public init() {}
  public init(value: AnyTensor?) { self.value = value }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    if let value, value.elementCount != 1 {
      throw Diagnostic(
        .invalidAttribute, "value has \(value.elementCount) elements, expected 1")
    }
    let element = value?.element ?? .f32
    guard let shape = operands.dimensions(0) ?? unknownElements(operands[0]) else {
      return [TensorType(element, nil)]
    }
    if let negative = shape.compactMap(\.integer).first(where: { $0 < 0 }) {
      throw Diagnostic(.shapeMismatch, "shape has a dimension \(negative)")
    }
    return [TensorType(element, Shape(shape))]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [value?.element ?? .f32] }

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    guard let number = value?.integers?.first, let shape = operands.dimensions(0),
      let count = Shape(shape).elementCount.size, count <= 64
    else { return nil }
    return Array(repeating: Dimension(signed: number), count: count)
  }
}
