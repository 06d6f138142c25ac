/// How the floating-point types narrower than `Float` lay out their bits, and exact conversion from
/// and to them in plain Swift.
///
/// - Source: IEEE 754 binary16; bfloat16 as the upper half of a `Float`; Micikevicius et al.,
///   arXiv:2209.05433 (E4M3FN, E5M2); the FNUZ variants of ONNX (one zero, one NaN, bias one higher).
public struct NarrowFloat: Sendable, Hashable {
  private enum Specials { case ieee, finite, unsignedZero }

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
    case .f8e4m3fn: self.init(8, mantissa: 3, bias: 7, .finite)
    case .f8e4m3fnuz: self.init(8, mantissa: 3, bias: 8, .unsignedZero)
    case .f8e5m2: self.init(8, mantissa: 2, bias: 15, .ieee)
    case .f8e5m2fnuz: self.init(8, mantissa: 2, bias: 16, .unsignedZero)
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
    case .finite: magnitudeMask - 1
    case .unsignedZero: magnitudeMask
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

  /// The bits of the nearest number, ties to even. Beyond the largest: infinity where the format has
  /// one, else NaN (as ONNX's Cast without `saturate`).
  public func encode(_ value: Float) -> Int { encode(double: Double(value)) }

  /// The same from double precision, in one rounding.
  public func encode(double value: Double) -> Int {
    let sign = value.sign == .minus ? signBit : 0
    let notANumber = specials == .unsignedZero ? signBit : magnitudeMask
    guard !value.isNaN else { return notANumber }
    let infinity =
      specials == .ieee ? sign | (largest + 1) : notANumber | (specials == .finite ? sign : 0)
    guard value.isFinite else { return infinity }
    guard value != 0 else { return specials == .unsignedZero ? 0 : sign }
    let exponent = max(Int(value.exponent), 1 - bias)
    // Scaling by a power of two is exact in double precision.
    let steps = Double(
      sign: .plus, exponent: mantissaBits - exponent, significand: value.magnitude)
    // Far beyond the largest, the number of steps would not fit.
    guard exponent <= bias + 1 else { return infinity }
    let rounded = Int(steps.rounded(.toNearestOrEven))
    // A carry out of the mantissa moves into the exponent by itself.
    let magnitude = ((exponent + bias - 1) << mantissaBits) + rounded
    if magnitude > largest { return infinity }
    return magnitude == 0 && specials == .unsignedZero ? 0 : sign | magnitude
  }
}
