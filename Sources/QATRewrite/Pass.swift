import QATCore
import QATIR

/// The name of a pass as a user types it: `fold-batchnorm`.
public typealias PassName = String

/// What a pass promises about the values that the graph computes.
public enum Effect: Sendable, Equatable, CustomStringConvertible {
  /// The same values, bit for bit.
  case exact
  /// The same values but for rounding: each output within this tolerance of the largest magnitude.
  case within(relativeTolerance: Float)
  /// The same codes in every quantized tensor, but for this share of them, which differ by one: where
  /// a float computation and an integer one round a tie apart.
  case withinCodes(share: Float)
  /// Other values on purpose; the text says which.
  case changesNumerics(String)
  /// The graph itself stays as it was.
  case analysis

  public var description: String {
    switch self {
    case .exact: "exact"
    case .within(let tolerance): "within \(tolerance)"
    case .withinCodes(let share): "within one code in \(share) of them"
    case .changesNumerics(let what): "changes numerics: \(what)"
    case .analysis: "analysis"
    }
  }
}

/// A rewrite of a whole graph that can be named in a pipeline, printed, timed and checked.
///
/// A pass is a value without state between runs; its options are stored properties that the table
/// `options` lists.
public protocol Pass: Sendable {
  /// What a user types in a pipeline.
  static var name: PassName { get }
  /// One line for `--list-passes`.
  static var summary: String { get }
  /// What it promises about values.
  static var effect: Effect { get }
  /// The options a user can set; none where nothing is said.
  static var options: [PassOption<Self>] { get }
  /// Whether it rewrites the bodies of control flow as well, each like a graph of its own, when it has
  /// rewritten the graph that they stand in; false where nothing is said.
  static var entersBodies: Bool { get }
  /// The pass with every option at its default.
  init()

  /// Rewrites the graph; one that finds nothing leaves it as it was.
  func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic)
}

extension Pass {
  public static var options: [PassOption<Self>] { [] }
  public static var entersBodies: Bool { false }

  /// Runs on the graph, and where it enters bodies then on them.
  func runWithBodies(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    try run(on: &graph, &context)
    guard Self.entersBodies else { return }
    try graph.mapBodies { body throws(Diagnostic) in try runWithBodies(on: &body, &context) }
  }

  /// The name and the options that differ from their defaults: `calibrate{momentum=0.05}`.
  public var text: String {
    let defaults = Self()
    let changed = Self.options.compactMap { option -> String? in
      let text = option.get(self)
      return text == option.get(defaults) ? nil : "\(option.name)=\(quotedOption(text))"
    }
    return changed.isEmpty ? Self.name : "\(Self.name){\(changed.joined(separator: " "))}"
  }

  /// Sets an option by its name.
  public mutating func setOption(_ name: String, _ text: String) throws(Diagnostic) {
    guard let option = Self.options.first(where: { $0.name == name }) else {
      throw Diagnostic(
        .invalidOption, "\(Self.name) has no option '\(name)'",
        hint: nameHint(name, among: Self.options.map(\.name)) ?? "it takes no options")
    }
    guard option.set(&self, text) else {
      throw Diagnostic(
        .invalidOption, "'\(text)' is no value for option '\(name)' of \(Self.name)",
        hint: "expected \(option.values)")
    }
  }
}

private func quotedOption(_ text: String) -> String {
  !text.isEmpty && text.utf8.allSatisfy { isIdentifierByte($0) || $0 == UInt8(ascii: "+") }
    ? text : quoted(text)
}

/// One option of a pass: its name and the stored property that holds it.
public struct PassOption<P: Sendable>: Sendable {
  /// What a user types in front of `=`.
  public let name: String
  /// What may stand there, for messages.
  public let values: String
  /// One line of help.
  public let summary: String
  let get: @Sendable (P) -> String
  let set: @Sendable (inout P, String) -> Bool

  /// An option by its name and the property that holds it.
  public init<Value: PassOptionValue>(
    _ name: String, _ path: WritableKeyPath<P, Value> & Sendable, _ summary: String
  ) {
    self.name = name
    self.summary = summary
    values = Value.optionValues
    get = { $0[keyPath: path].optionText }
    set = { pass, text in
      guard let value = Value(optionText: text) else { return false }
      pass[keyPath: path] = value
      return true
    }
  }
}

/// A Swift type that an option of a pass may have.
public protocol PassOptionValue: Sendable {
  /// Reads what `optionText` writes.
  init?(optionText: String)
  /// The value as a user types it.
  var optionText: String { get }
  /// What may stand there, for messages.
  static var optionValues: String { get }
}

extension Bool: PassOptionValue {
  public init?(optionText: String) { self.init(optionText) }
  public var optionText: String { description }
  public static var optionValues: String { "true or false" }
}
extension Int: PassOptionValue {
  public init?(optionText: String) { self.init(optionText) }
  public var optionText: String { description }
  public static var optionValues: String { "a whole number" }
}
extension Float: PassOptionValue {
  public init?(optionText: String) {
    guard let value = Float(optionText), value.isFinite else { return nil }
    self = value
  }
  public var optionText: String { description }
  public static var optionValues: String { "a number" }
}
extension String: PassOptionValue {
  public init?(optionText: String) { self = optionText }
  public var optionText: String { self }
  public static var optionValues: String { "a text" }
}
extension PassOptionValue where Self: RawRepresentable & CaseIterable, RawValue == String {
  public init?(optionText: String) { self.init(rawValue: optionText) }
  public var optionText: String { rawValue }
  public static var optionValues: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
