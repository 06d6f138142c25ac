import QATCore

extension TensorType {
  /// Whether both can be the type of one value: the same where both know something. An unknown rank
  /// or dimension agrees with any; a symbol only with itself.
  public func isCompatible(with other: TensorType) -> Bool {
    guard element == other.element else { return false }
    guard let shape, let otherShape = other.shape else { return true }
    return shape.rank == otherShape.rank
      && zip(shape.dimensions, otherShape.dimensions).allSatisfy {
        $0.isUnknown || $1.isUnknown || $0 == $1
      }
  }
}
