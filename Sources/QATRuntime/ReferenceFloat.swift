import QATCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Float and Double, with the functions of the C library that reference evaluations use.
public protocol ReferenceFloat: TensorScalar, BinaryFloatingPoint {
  /// eˣ.
  static func exp(_ x: Self) -> Self
  /// The natural logarithm.
  static func log(_ x: Self) -> Self
  /// The hyperbolic tangent.
  static func tanh(_ x: Self) -> Self
  /// The error function.
  static func erf(_ x: Self) -> Self
  /// xʸ.
  static func pow(_ x: Self, _ y: Self) -> Self
}

extension Float: ReferenceFloat {
  public static func exp(_ x: Float) -> Float { expf(x) }
  public static func log(_ x: Float) -> Float { logf(x) }
  public static func tanh(_ x: Float) -> Float { tanhf(x) }
  public static func erf(_ x: Float) -> Float { erff(x) }
  public static func pow(_ x: Float, _ y: Float) -> Float { powf(x, y) }
}

extension Double: ReferenceFloat {
  public static func exp(_ x: Double) -> Double { real(x, .exp) }
  public static func log(_ x: Double) -> Double { real(x, .log) }
  public static func tanh(_ x: Double) -> Double { real(x, .tanh) }
  public static func erf(_ x: Double) -> Double { real(x, .erf) }
  public static func pow(_ x: Double, _ y: Double) -> Double { power(x, y) }
}

// Of these a result in double precision is rounded to the type.
extension ReferenceFloat {
  /// eˣ - 1.
  static func expm1(_ x: Self) -> Self { Self(real(Double(x), .expm1)) }
  /// log(1 + x).
  static func log1p(_ x: Self) -> Self { Self(real(Double(x), .log1p)) }
  /// log(1 + eˣ); nothing overflows.
  static func softplus(_ x: Self) -> Self { max(x, 0) + log1p(exp(-x.magnitude)) }
  /// The sine.
  static func sin(_ x: Self) -> Self { Self(real(Double(x), .sin)) }
  /// The cosine.
  static func cos(_ x: Self) -> Self { Self(real(Double(x), .cos)) }
  /// The tangent.
  static func tan(_ x: Self) -> Self { Self(real(Double(x), .tan)) }
  /// The inverse sine.
  static func asin(_ x: Self) -> Self { Self(real(Double(x), .asin)) }
  /// The inverse cosine.
  static func acos(_ x: Self) -> Self { Self(real(Double(x), .acos)) }
  /// The inverse tangent.
  static func atan(_ x: Self) -> Self { Self(real(Double(x), .atan)) }
  /// The hyperbolic sine.
  static func sinh(_ x: Self) -> Self { Self(real(Double(x), .sinh)) }
  /// The hyperbolic cosine.
  static func cosh(_ x: Self) -> Self { Self(real(Double(x), .cosh)) }
  /// The inverse hyperbolic sine.
  static func asinh(_ x: Self) -> Self { Self(real(Double(x), .asinh)) }
  /// The inverse hyperbolic cosine.
  static func acosh(_ x: Self) -> Self { Self(real(Double(x), .acosh)) }
  /// The inverse hyperbolic tangent.
  static func atanh(_ x: Self) -> Self { Self(real(Double(x), .atanh)) }
}

// Outside the type, where the bare names mean the C library's functions.
private enum RealFunction {
  case exp, log, tanh, erf, expm1, log1p
  case sin, cos, tan, asin, acos, atan, sinh, cosh, asinh, acosh, atanh
}
private func real(_ x: Double, _ function: RealFunction) -> Double {
  switch function {
  case .exp: exp(x)
  case .log: log(x)
  case .tanh: tanh(x)
  case .erf: erf(x)
  case .expm1: expm1(x)
  case .log1p: log1p(x)
  case .sin: sin(x)
  case .cos: cos(x)
  case .tan: tan(x)
  case .asin: asin(x)
  case .acos: acos(x)
  case .atan: atan(x)
  case .sinh: sinh(x)
  case .cosh: cosh(x)
  case .asinh: asinh(x)
  case .acosh: acosh(x)
  case .atanh: atanh(x)
  }
}
private func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }
