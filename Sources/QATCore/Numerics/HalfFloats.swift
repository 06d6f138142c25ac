/// An IEEE 754 binary16 number, as its bits: a storage type, converted to float to compute with.
public struct Half: TensorScalar {
  /// Sign, exponent and fraction, from the high bit down.
  public var bits: UInt16
  /// The type in tensors.
  public static var elementType: ElementType { .f16 }
  /// +0.
  public static var zero: Half { Half(bits: 0) }

  /// The number of these bits.
  public init(bits: UInt16) { self.bits = bits }

  /// Rounds to nearest, ties to even; beyond 65504 and its half step, infinity.
  public init(_ x: Float) { self.init(Double(x)) }

  /// Rounds once, to nearest, ties to even.
  public init(_ x: Double) { bits = UInt16(NarrowFloat.half.encode(double: x)) }

  /// The same number; exact.
  public var float: Float { NarrowFloat.half.decode(Int(bits)) }
}

/// A bfloat16 number, the upper half of a float, as its bits: a storage type.
public struct BrainFloat: TensorScalar {
  /// Sign, exponent and fraction, from the high bit down.
  public var bits: UInt16
  /// The type in tensors.
  public static var elementType: ElementType { .bf16 }
  /// +0.
  public static var zero: BrainFloat { BrainFloat(bits: 0) }

  /// The number of these bits.
  public init(bits: UInt16) { self.bits = bits }

  /// Rounds to nearest, ties to even.
  public init(_ x: Float) { bits = UInt16(NarrowFloat.brain.encode(x)) }

  /// The same number; exact.
  public var float: Float { Float(bitPattern: UInt32(bits) << 16) }
}
