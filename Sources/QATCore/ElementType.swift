/// The type of a tensor's elements, as ONNX has them; the raw value is ONNX's `data_type` number.
public enum ElementType: Int, Sendable, Hashable, CaseIterable {
  case f32 = 1
  case u8 = 2
  case i8 = 3
  case u16 = 4
  case i16 = 5
  case i32 = 6
  case i64 = 7
  case string = 8
  case bool = 9
  case f16 = 10
  case f64 = 11
  case u32 = 12
  case u64 = 13
  case bf16 = 16
  case f8e4m3fn = 17
  case f8e4m3fnuz = 18
  case f8e5m2 = 19
  case f8e5m2fnuz = 20
  case u4 = 21
  case i4 = 22
  case u2 = 25
  case i2 = 26

  /// The name in the text form: `f32`, `u8`, `bool`, …
  public var name: String { "\(self)" }

  public init?(name: String) {
    guard let match = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = match
  }

  /// Bits of one element; 0 for strings, which have no fixed size.
  public var bitWidth: Int {
    switch self {
    case .string: 0
    case .u2, .i2: 2
    case .u4, .i4: 4
    case .u8, .i8, .bool, .f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz: 8
    case .u16, .i16, .f16, .bf16: 16
    case .f32, .i32, .u32: 32
    case .f64, .i64, .u64: 64
    }
  }

  /// Bytes that `count` elements take when packed as ONNX packs them (4-bit types: two a byte).
  public func byteCount(_ count: Int) -> Int { (count * bitWidth + 7) / 8 }

  public var isFloatingPoint: Bool {
    switch self {
    case .f32, .f64, .f16, .bf16, .f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz: true
    default: false
    }
  }

  public var isInteger: Bool { !isFloatingPoint && self != .bool && self != .string }

  public var isSigned: Bool {
    switch self {
    case .i2, .i4, .i8, .i16, .i32, .i64: true
    default: isFloatingPoint
    }
  }
}

/// A Swift type whose values are the elements of a tensor.
public protocol TensorScalar: BitwiseCopyable, Sendable, Equatable {
  static var elementType: ElementType { get }
  static var zero: Self { get }
}

extension Float: TensorScalar { public static var elementType: ElementType { .f32 } }
extension Double: TensorScalar { public static var elementType: ElementType { .f64 } }
extension Int8: TensorScalar { public static var elementType: ElementType { .i8 } }
extension Int16: TensorScalar { public static var elementType: ElementType { .i16 } }
extension Int32: TensorScalar { public static var elementType: ElementType { .i32 } }
extension Int64: TensorScalar { public static var elementType: ElementType { .i64 } }
extension UInt8: TensorScalar { public static var elementType: ElementType { .u8 } }
extension UInt16: TensorScalar { public static var elementType: ElementType { .u16 } }
extension UInt32: TensorScalar { public static var elementType: ElementType { .u32 } }
extension UInt64: TensorScalar { public static var elementType: ElementType { .u64 } }
extension Bool: TensorScalar {
  public static var elementType: ElementType { .bool }
  public static var zero: Bool { false }
}
