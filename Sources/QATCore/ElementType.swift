/// The type of a tensor's elements, as ONNX has them; the raw value is ONNX's `data_type` number.
public enum ElementType: Int, Sendable, Hashable, CaseIterable {
  /// 32-bit float.
  case f32 = 1
  /// Unsigned, 8 bits.
  case u8 = 2
  /// Signed, 8 bits.
  case i8 = 3
  /// Unsigned, 16 bits.
  case u16 = 4
  /// Signed, 16 bits.
  case i16 = 5
  /// Signed, 32 bits.
  case i32 = 6
  /// Signed, 64 bits.
  case i64 = 7
  /// Text of any length.
  case string = 8
  /// A truth value in a byte.
  case bool = 9
  /// IEEE 16-bit float.
  case f16 = 10
  /// 64-bit float.
  case f64 = 11
  /// Unsigned, 32 bits.
  case u32 = 12
  /// Unsigned, 64 bits.
  case u64 = 13
  /// 16-bit float with the exponent of a 32-bit one.
  case bf16 = 16
  /// 8-bit float, 4 bits of exponent, no infinity.
  case f8e4m3fn = 17
  /// 8-bit float, 4 bits of exponent, no infinity, no negative zero.
  case f8e4m3fnuz = 18
  /// 8-bit float, 5 bits of exponent.
  case f8e5m2 = 19
  /// 8-bit float, 5 bits of exponent, no infinity, no negative zero.
  case f8e5m2fnuz = 20
  /// Unsigned, 4 bits, two in a byte.
  case u4 = 21
  /// Signed, 4 bits, two in a byte.
  case i4 = 22
  /// 4-bit float, 2 bits of exponent, finite numbers alone; two in a byte.
  case f4e2m1 = 23
  /// A power of two in 8 bits, all of them exponent: no sign, no zero, one NaN. What scales are.
  case f8e8m0 = 24
  /// Unsigned, 2 bits, four in a byte.
  case u2 = 25
  /// Signed, 2 bits, four in a byte.
  case i2 = 26
  /// 6-bit float, 2 bits of exponent, finite numbers alone; four in three bytes.
  case f6e2m3 = 27
  /// 6-bit float, 3 bits of exponent, finite numbers alone; four in three bytes.
  case f6e3m2 = 28

  /// The name in the text form: `f32`, `u8`, `bool`, …
  public var name: String { Self.names[self] ?? "" }

  public init?(name: String) {
    guard let match = Self.named[name] else { return nil }
    self = match
  }

  // Describing a case asks the type's metadata, which takes microseconds.
  private static let names = Dictionary(uniqueKeysWithValues: allCases.map { ($0, "\($0)") })
  private static let named = Dictionary(uniqueKeysWithValues: names.map { ($1, $0) })

  /// Bits of one element; 0 for strings, which have no fixed size.
  public var bitWidth: Int {
    switch self {
    case .string: 0
    case .u2, .i2: 2
    case .u4, .i4, .f4e2m1: 4
    case .f6e2m3, .f6e3m2: 6
    case .u8, .i8, .bool, .f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz, .f8e8m0: 8
    case .u16, .i16, .f16, .bf16: 16
    case .f32, .i32, .u32: 32
    case .f64, .i64, .u64: 64
    }
  }

  /// Bytes that `count` elements take when packed as ONNX packs them: without gaps, the first in the
  /// low bits of the first byte.
  public func byteCount(_ count: Int) -> Int { (count * bitWidth + 7) / 8 }

  /// Whether elements are floats, of whatever width.
  public var isFloatingPoint: Bool {
    switch self {
    case .f32, .f64, .f16, .bf16, .f8e4m3fn, .f8e4m3fnuz, .f8e5m2, .f8e5m2fnuz, .f8e8m0, .f6e2m3,
      .f6e3m2, .f4e2m1:
      true
    default: false
    }
  }

  /// Whether elements are integers; truth values are none.
  public var isInteger: Bool { !isFloatingPoint && self != .bool && self != .string }

  /// Whether there are elements below 0.
  public var isSigned: Bool {
    switch self {
    case .i2, .i4, .i8, .i16, .i32, .i64: true
    default: isFloatingPoint
    }
  }
}

/// A Swift type whose values are the elements of a tensor.
public protocol TensorScalar: BitwiseCopyable, Sendable, Equatable {
  /// The type of its elements in a tensor.
  static var elementType: ElementType { get }
  /// Its zero.
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
