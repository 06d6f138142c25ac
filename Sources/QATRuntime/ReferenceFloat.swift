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

// Outside the type, where the bare names mean the C library's functions.
private enum RealFunction { case exp, log, tanh, erf }
private func real(_ x: Double, _ function: RealFunction) -> Double {
  switch function {
  case .exp: exp(x)
  case .log: log(x)
  case .tanh: tanh(x)
  case .erf: erf(x)
  }
}
private func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }
