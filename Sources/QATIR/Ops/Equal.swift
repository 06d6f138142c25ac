import QATCore

/// `a == b`.
public struct Equal: ComparisonElementwise, ShapeArithmetic {
  public static let name: OpName = "Equal"
  public static let elements: Set<ElementType> = .numeric.union([.bool])
  public init() {}

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    elementwiseDimensions(operands) { a, b in
      if a.isSame(as: b) { return 1 }
      if let a = a.integer, let b = b.integer { return a == b ? 1 : 0 }
      // Sizes are not negative.
      return [a, b].contains { ($0.integer ?? 0) < 0 } && !a.isUnknown && !b.isUnknown ? 0 : nil
    }
  }
}
