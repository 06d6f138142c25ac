extension AnyTensor {
  /// Integers as the elements of an integer type, packed where the type is narrower than a byte.
  ///
  /// A number that the type does not hold keeps its low bits; callers saturate first. O(n).
  /// - Precondition: `element` is an integer type, and there are as many integers as the shape
  ///   asks.
  public init(_ element: ElementType, shape: [Int], integers: [Int]) {
    switch element {
    case .i64: self.init(shape: shape, integers.map { Int64(truncatingIfNeeded: $0) })
    case .i32: self.init(shape: shape, integers.map { Int32(truncatingIfNeeded: $0) })
    case .i16: self.init(shape: shape, integers.map { Int16(truncatingIfNeeded: $0) })
    case .i8: self.init(shape: shape, integers.map { Int8(truncatingIfNeeded: $0) })
    case .u64: self.init(shape: shape, integers.map { UInt64(truncatingIfNeeded: $0) })
    case .u32: self.init(shape: shape, integers.map { UInt32(truncatingIfNeeded: $0) })
    case .u16: self.init(shape: shape, integers.map { UInt16(truncatingIfNeeded: $0) })
    case .u8: self.init(shape: shape, integers.map { UInt8(truncatingIfNeeded: $0) })
    case .i4, .u4, .i2, .u2:
      self.init(element, shape: shape, patterns: integers.map { UInt8(truncatingIfNeeded: $0) })
    default: preconditionFailure("\(element.name) is no integer type")
    }
  }
}
