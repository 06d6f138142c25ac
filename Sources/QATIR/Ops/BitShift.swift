import QATCore

/// The bits of `a` moved by `b` places, broadcast. Integers alone.
///
/// Bits that leave are lost; zeros come in, from the left the sign bit. A `b` that is negative or
/// not less than the type's bits moves all of them out.
public struct BitShift: BinaryElementwise {
  public static let name: OpName = "BitShift"
  public static let elements = Set<ElementType>.integers
  public static let attributes: [Attribute<Self>] = [.init("direction", \.direction)]
  /// `LEFT` or `RIGHT`; the attribute is required, so it has no default.
  public var direction: String? = nil
  public init() {}
  public init(direction: String) { self.direction = direction }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard let direction, ["LEFT", "RIGHT"].contains(direction) else {
      throw Diagnostic(
        .invalidAttribute, "direction is \(direction.map { "'\($0)'" } ?? "missing")",
        hint: "use LEFT or RIGHT")
    }
    let shape = try broadcastShape([operands[0].knownShape, operands[1].knownShape])
    return [TensorType(operands[0].element, shape)]
  }
}
