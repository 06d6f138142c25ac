/// How the floating-point types narrower than `Float` lay out their bits, and exact conversion from
/// and to them in plain Swift.
///
/// - Source: IEEE 754 binary16; bfloat16 as the upper half of a `Float`; Micikevicius et al.,
///   arXiv:2209.05433 (E4M3FN, E5M2); the FNUZ variants of ONNX (one zero, one NaN, bias one higher);
///   the OCP Microscaling formats, version 1.0 (E2M1, E2M3, E3M2; E8M0 is `PowerOfTwo`).
public struct NarrowFloat: Sendable, Hashable {
  /// What there is beside finite numbers: infinities and NaN; a NaN for each sign; one NaN in place of
  /// the negative zero; nothing.
  private enum Specials { case ieee, signedNaN, unsignedZero, none }

  /// Bits of one element.
  public let bitWidth: Int
  private let mantissaBits: Int
  private let bias: Int
  private let specials: Specials

  /// The format of an element type, or `nil` for types that are no narrow float.
  public init?(_ element: ElementType) {
    switch element {
    case .f16: self = .half
    case .bf16: self = .brain
    case .f8e4m3fn: self.init(8, mantissa: 3, bias: 7, .signedNaN)
    case .f8e4m3fnuz: self.init(8, mantissa: 3, bias: 8, .unsignedZero)
    case .f8e5m2: self.init(8, mantissa: 2, bias: 15, .ieee)
    case .f8e5m2fnuz: self.init(8, mantissa: 2, bias: 16, .unsignedZero)
    case .f6e2m3: self.init(6, mantissa: 3, bias: 1, .none)
    case .f6e3m2: self.init(6, mantissa: 2, bias: 3, .none)
    case .f4e2m1: self.init(4, mantissa: 1, bias: 1, .none)
    default: return nil
    }
  }

  private init(_ bitWidth: Int, mantissa: Int, bias: Int, _ specials: Specials) {
    self.bitWidth = bitWidth
    mantissaBits = mantissa
    self.bias = bias
    self.specials = specials
  }

  /// IEEE 754 binary16.
  static let half = NarrowFloat(16, mantissa: 10, bias: 15, .ieee)
  /// The upper half of a `Float`.
  static let brain = NarrowFloat(16, mantissa: 7, bias: 127, .ieee)

  private var signBit: Int { 1 << (bitWidth - 1) }
  /// The bits of the exponent and the mantissa.
  private var magnitudeMask: Int { signBit - 1 }
  private var exponentMask: Int { magnitudeMask >> mantissaBits }
  /// The magnitude of the largest finite number.
  private var largest: Int {
    switch specials {
    case .ieee: (exponentMask << mantissaBits) - 1
    case .signedNaN: magnitudeMask - 1
    case .unsignedZero, .none: magnitudeMask
    }
  }

  /// The number that the low `bitWidth` bits stand for; exact, since every one is a `Float`.
  public func decode(_ bits: Int) -> Float {
    let isNegative = bits & signBit != 0
    let magnitude = bits & magnitudeMask
    if specials == .unsignedZero && isNegative && magnitude == 0 { return .nan }
    if magnitude > largest {
      guard specials == .ieee, magnitude == largest + 1 else { return .nan }
      return isNegative ? -.infinity : .infinity
    }
    let exponent = magnitude >> mantissaBits
    let fraction = magnitude & ((1 << mantissaBits) - 1)
    let significand = exponent == 0 ? fraction : fraction + (1 << mantissaBits)
    let value = Float(
      sign: .plus, exponent: max(exponent, 1) - bias - mantissaBits, significand: Float(significand)
    )
    return isNegative ? -value : value
  }

  /// The bits of the nearest number, ties to even; NaN keeps its sign, and is 0 where the format has
  /// none.
  /// - Parameter saturate: whether what rounds beyond the largest number, infinity as well, takes the
  ///   largest. Else it is infinity where the format has one, or NaN; a format with neither saturates.
  public func encode(_ value: Float, saturate: Bool = false) -> Int {
    encode(double: Double(value), saturate: saturate)
  }

  /// The same from double precision, in one rounding.
  public func encode(double value: Double, saturate: Bool = false) -> Int {
    let sign = value.sign == .minus ? signBit : 0
    let overflow = saturate || specials == .none ? sign | largest : infinity(sign)
    if value.isNaN { return notANumber(sign) }
    guard value.isFinite else { return overflow }
    guard value != 0 else { return specials == .unsignedZero ? 0 : sign }
    let exponent = max(Int(value.exponent), 1 - bias)
    // Scaling by a power of two is exact in double precision.
    let steps = Double(
      sign: .plus, exponent: mantissaBits - exponent, significand: value.magnitude)
    // Far beyond the largest, the number of steps would not fit.
    guard exponent <= bias + 2 else { return overflow }
    let rounded = Int(steps.rounded(.toNearestOrEven))
    // A carry out of the mantissa moves into the exponent by itself.
    let magnitude = ((exponent + bias - 1) << mantissaBits) + rounded
    if magnitude > largest { return overflow }
    return magnitude == 0 && specials == .unsignedZero ? 0 : sign | magnitude
  }

  private func notANumber(_ sign: Int) -> Int {
    switch specials {
    case .ieee, .signedNaN: sign | magnitudeMask
    case .unsignedZero: signBit
    case .none: 0
    }
  }

  /// The bits of an infinity, or of what stands for it.
  private func infinity(_ sign: Int) -> Int {
    specials == .ieee ? sign | (largest + 1) : notANumber(sign)
  }
}
