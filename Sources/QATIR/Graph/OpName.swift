/// The name of an operation: its domain (empty for ONNX's own) and its type.
///
/// As text the domain stands before the last dot: `Conv`, `qat.FakeQuantize`, `com.microsoft.QGemm`.
public struct OpName: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
  /// Empty for ONNX's own.
  public let domain: String
  /// The name inside the domain.
  public let type: String

  public init(domain: String, type: String) {
    self.domain = domain == "ai.onnx" ? "" : domain
    self.type = type
  }

  /// Reads `DOMAIN.TYPE`, or `TYPE` alone.
  public init(_ text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    self.init(
      domain: parts.dropLast().joined(separator: "."), type: String(parts.last ?? ""))
  }

  public init(stringLiteral text: String) { self.init(text) }

  public var description: String { domain.isEmpty ? type : "\(domain).\(type)" }
}
