import QATCore
import QATIR

extension Cast: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let x = call[0]
    if x.element == to { return [x] }
    switch x.element {
    case .f32: return [try converted(call, floats: x.elements(as: Float.self) ?? [])]
    case .f64: return [try converted(call, floats: x.elements(as: Double.self) ?? [])]
    case .f16: return [try converted(call, floats: (x.elements(as: Half.self) ?? []).map(\.float))]
    case .bf16:
      return [try converted(call, floats: (x.elements(as: BrainFloat.self) ?? []).map(\.float))]
    case .u64: return [try converted(call, integers: x.elements(as: UInt64.self) ?? [])]
    default:
      guard let integers = x.integers else { throw call.unsupportedElement(x.element) }
      return [try converted(call, integers: integers)]
    }
  }

  private func converted<T: ReferenceFloat>(
    _ call: EvaluationCall, floats x: [T]
  ) throws(Diagnostic) -> AnyTensor {
    let shape = call.shape()
    switch call.resultTypes[0].element {
    case .f32: return AnyTensor(shape: shape, x.map { Float($0) })
    case .f64: return AnyTensor(shape: shape, x.map { Double($0) })
    case .f16: return AnyTensor(shape: shape, x.map { Half(Double($0)) })
    case .bf16: return AnyTensor(shape: shape, x.map { BrainFloat(Float($0)) })
    case .bool: return AnyTensor(shape: shape, x.map { $0 != 0 })
    case .i8: return AnyTensor(shape: shape, x.map { saturated($0, as: Int8.self) })
    case .i16: return AnyTensor(shape: shape, x.map { saturated($0, as: Int16.self) })
    case .i32: return AnyTensor(shape: shape, x.map { saturated($0, as: Int32.self) })
    case .i64: return AnyTensor(shape: shape, x.map { saturated($0, as: Int64.self) })
    case .u8: return AnyTensor(shape: shape, x.map { saturated($0, as: UInt8.self) })
    case .u16: return AnyTensor(shape: shape, x.map { saturated($0, as: UInt16.self) })
    case .u32: return AnyTensor(shape: shape, x.map { saturated($0, as: UInt32.self) })
    case .u64: return AnyTensor(shape: shape, x.map { saturated($0, as: UInt64.self) })
    default: throw call.unsupportedElement(call.resultTypes[0].element)
    }
  }

  private func converted<T: FixedWidthInteger>(
    _ call: EvaluationCall, integers x: [T]
  ) throws(Diagnostic) -> AnyTensor {
    let shape = call.shape()
    switch call.resultTypes[0].element {
    case .f32: return AnyTensor(shape: shape, x.map { Float($0) })
    case .f64: return AnyTensor(shape: shape, x.map { Double($0) })
    case .f16: return AnyTensor(shape: shape, x.map { Half(Double($0)) })
    case .bf16: return AnyTensor(shape: shape, x.map { BrainFloat(Float($0)) })
    case .bool: return AnyTensor(shape: shape, x.map { $0 != 0 })
    case .i8: return AnyTensor(shape: shape, x.map { Int8(truncatingIfNeeded: $0) })
    case .i16: return AnyTensor(shape: shape, x.map { Int16(truncatingIfNeeded: $0) })
    case .i32: return AnyTensor(shape: shape, x.map { Int32(truncatingIfNeeded: $0) })
    case .i64: return AnyTensor(shape: shape, x.map { Int64(truncatingIfNeeded: $0) })
    case .u8: return AnyTensor(shape: shape, x.map { UInt8(truncatingIfNeeded: $0) })
    case .u16: return AnyTensor(shape: shape, x.map { UInt16(truncatingIfNeeded: $0) })
    case .u32: return AnyTensor(shape: shape, x.map { UInt32(truncatingIfNeeded: $0) })
    case .u64: return AnyTensor(shape: shape, x.map { UInt64(truncatingIfNeeded: $0) })
    default: throw call.unsupportedElement(call.resultTypes[0].element)
    }
  }
}

/// The integer toward zero, the nearest end of the range where it is beyond, 0 for NaN.
func saturated<T: ReferenceFloat, I: FixedWidthInteger>(_ x: T, as: I.Type) -> I {
  if x.isNaN { return 0 }
  // `T(I.max)` may be rounded up to a power of two, which is beyond the range as well.
  return x >= T(I.max) ? .max : x <= T(I.min) ? .min : I(x)
}
