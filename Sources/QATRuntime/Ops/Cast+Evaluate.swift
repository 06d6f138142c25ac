import QATCore
import QATIR

extension Cast: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    [try call.converted(saturate: saturate, powers: roundMode)]
  }
}

extension CastLike: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    [try call.converted(saturate: saturate, powers: roundMode)]
  }
}

extension EvaluationCall {
  /// The first operand in the element type of the result.
  fileprivate func converted(
    saturate: Bool, powers: PowerOfTwo.Rounding
  ) throws(Diagnostic) -> AnyTensor {
    let x = self[0], element = resultTypes[0].element
    if x.element == element { return x }
    for type in [x.element, element] where type == .string { throw unsupportedElement(type) }
    // 64-bit integers are rounded once, and keep all their bits where they stay integers.
    if x.element == .u64, !(element.isFloatingPoint && element.bitWidth < 32) {
      return x.converted(to: element, integers: x.elements(as: UInt64.self) ?? [])
    }
    if let integers = x.integers, !(element.isFloatingPoint && element.bitWidth < 32) {
      return x.converted(to: element, integers: integers)
    }
    let numbers = x.doubles ?? []
    return element.isFloatingPoint
      ? AnyTensor(element, shape: x.shape, rounding: numbers, saturate: saturate, powers: powers)
      : x.converted(to: element, floats: numbers)
  }
}

extension AnyTensor {
  /// Floats as integers or truth values, in the shape of this tensor.
  fileprivate func converted(to element: ElementType, floats x: [Double]) -> AnyTensor {
    switch element {
    case .bool: AnyTensor(shape: shape, x.map { $0 != 0 })
    case .i8: AnyTensor(shape: shape, x.map { truncated($0, as: Int8.self) })
    case .i16: AnyTensor(shape: shape, x.map { truncated($0, as: Int16.self) })
    case .i32: AnyTensor(shape: shape, x.map { truncated($0, as: Int32.self) })
    case .u8: AnyTensor(shape: shape, x.map { truncated($0, as: UInt8.self) })
    case .u16: AnyTensor(shape: shape, x.map { truncated($0, as: UInt16.self) })
    case .u32: AnyTensor(shape: shape, x.map { truncated($0, as: UInt32.self) })
    case .u64: AnyTensor(shape: shape, x.map { truncated($0, as: UInt64.self) })
    default:
      AnyTensor(element, shape: shape, integers: x.map { Int(truncated($0, as: Int64.self)) })
    }
  }

  /// Integers as elements of any type but floats of fewer than 32 bits, in the shape of this tensor.
  fileprivate func converted<T: FixedWidthInteger>(
    to element: ElementType, integers x: [T]
  ) -> AnyTensor {
    switch element {
    case .bool: AnyTensor(shape: shape, x.map { $0 != 0 })
    case .f32: AnyTensor(shape: shape, x.map { Float($0) })
    case .f64: AnyTensor(shape: shape, x.map { Double($0) })
    case .u64: AnyTensor(shape: shape, x.map { UInt64(truncatingIfNeeded: $0) })
    default: AnyTensor(element, shape: shape, integers: x.map { Int(truncatingIfNeeded: $0) })
    }
  }
}

/// The integer toward zero, the nearest end of the range where it is beyond, 0 for NaN.
func truncated<I: FixedWidthInteger>(_ x: Double, as: I.Type) -> I {
  if x.isNaN { return 0 }
  // `Double(I.max)` may be rounded up to a power of two, which is beyond the range as well.
  return x >= Double(I.max) ? .max : x <= Double(I.min) ? .min : I(x)
}
