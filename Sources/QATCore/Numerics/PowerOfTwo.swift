/// The element type E8M0: 8 bits of exponent and nothing else, 2⁻¹²⁷…2¹²⁷ and a NaN.
///
/// - Source: OCP Microscaling formats, version 1.0; ONNX's Cast for what is rounded how.
public enum PowerOfTwo {
  /// To which power of two a number between two of them goes.
  public enum Rounding: String, Sendable, CaseIterable { case up, down, nearest }

  /// The number that 8 bits stand for; exact.
  public static func decode(_ bits: Int) -> Float {
    bits == 255 ? .nan : Float(sign: .plus, exponent: bits - 127, significand: 1)
  }

  /// The bits of a power of two near a number, whose sign is dropped; infinity and NaN are NaN.
  ///
  /// Below 2⁻¹²⁷ all is 2⁻¹²⁷ unless it is rounded up, and 0 is even then.
  /// - Parameter saturate: whether what rounds beyond 2¹²⁷ takes it; else it is NaN.
  public static func encode(_ value: Float, _ rounding: Rounding, saturate: Bool) -> Int {
    let bits = value.bitPattern
    let exponent = Int(bits >> 23 & 0xff), fraction = bits & 0x7f_ffff, half: UInt32 = 0x40_0000
    if exponent == 255 || (exponent == 254 && saturate) { return exponent }
    let isUp =
      switch rounding {
      case .up: fraction > 0
      case .down: false
      case .nearest: fraction > half || (fraction == half && exponent > 0)
      }
    return isUp ? exponent + 1 : exponent
  }
}
