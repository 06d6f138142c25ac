/// An IEEE 754 binary16 number, as its bits: a storage type, converted to float to compute with.
public struct Half: TensorScalar {
  public var bits: UInt16
  public static var elementType: ElementType { .f16 }
  public static var zero: Half { Half(bits: 0) }

  public init(bits: UInt16) { self.bits = bits }

  /// Rounds to nearest, ties to even; beyond 65504 and its half step, infinity.
  public init(_ x: Float) { self.init(Double(x)) }

  /// Rounds once, to nearest, ties to even.
  public init(_ x: Double) {
    let sign: UInt16 = x.sign == .minus ? 0x8000 : 0
    if x.isNaN { self.init(bits: sign | 0x7E00); return }
    let magnitude = x.magnitude
    // Below 2⁻¹⁴ the step is 2⁻²⁴; above, 2⁻¹⁰ of the power of two below.
    let exponent = max(magnitude < 0x1p-14 ? -14 : Int(magnitude.exponent), -14)
    if magnitude >= 65520 { self.init(bits: sign | 0x7C00); return }
    let step = Double(sign: .plus, exponent: exponent - 10, significand: 1)
    let units = UInt16((magnitude / step).rounded(.toNearestOrEven))
    // A carry out of the fraction moves into the exponent by itself.
    let base = UInt16(exponent + 14) << 10
    self.init(bits: sign | (base &+ units))
  }

  public var float: Float {
    let sign: FloatingPointSign = bits & 0x8000 == 0 ? .plus : .minus
    let exponent = Int(bits >> 10) & 31, fraction = Float(bits & 0x3FF)
    let magnitude: Float
    switch exponent {
    case 0: magnitude = fraction * 0x1p-24
    case 31: magnitude = fraction == 0 ? .infinity : .nan
    default: magnitude = Float(sign: .plus, exponent: exponent - 25, significand: fraction + 1024)
    }
    return Float(signOf: sign == .minus ? -1 : 1, magnitudeOf: magnitude)
  }
}

/// A bfloat16 number, the upper half of a float, as its bits: a storage type.
public struct BrainFloat: TensorScalar {
  public var bits: UInt16
  public static var elementType: ElementType { .bf16 }
  public static var zero: BrainFloat { BrainFloat(bits: 0) }

  public init(bits: UInt16) { self.bits = bits }

  /// Rounds to nearest, ties to even.
  public init(_ x: Float) {
    let pattern = x.bitPattern
    if x.isNaN { self.init(bits: UInt16(pattern >> 16) | 0x40); return }
    let rounded = UInt64(pattern) + 0x7FFF + UInt64((pattern >> 16) & 1)
    self.init(bits: UInt16(truncatingIfNeeded: rounded >> 16))
  }

  public var float: Float { Float(bitPattern: UInt32(bits) << 16) }
}
