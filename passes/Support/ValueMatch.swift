import QATCore
import QATIR
import QATRewrite

/// Values by name or glob, with a weight: `relu1`, `layer2.*=0.5`.
public struct ValueMatch: Sendable, Equatable, CustomStringConvertible {
  /// A name, or a glob: `*` any run, `?` one character, `[ab-d]` sets.
  public var pattern: String
  /// Of its part of the loss.
  public var weight: Float

  /// The values whose names the pattern matches.
  public init(_ pattern: String, weight: Float = 1) {
    self.pattern = pattern
    self.weight = weight
  }

  /// Reads `PATTERN` or `PATTERN=WEIGHT`.
  /// - Throws: `invalid-option` for an empty pattern, or a weight that is no number of 0 or more.
  public init(parsing text: String) throws(Diagnostic) {
    let split = text.lastIndex(of: "=")
    let pattern = String(text[..<(split ?? text.endIndex)])
    let weight = split.map { Float(text[text.index(after: $0)...]) } ?? 1
    guard !pattern.isEmpty, let weight, weight >= 0, weight.isFinite else {
      throw Diagnostic(
        .invalidOption, "'\(text)' names no values", hint: "write NAME, GLOB or GLOB=WEIGHT")
    }
    self.init(pattern, weight: weight)
  }

  public var description: String { weight == 1 ? pattern : "\(pattern)=\(weight)" }
}

/// Some of them as the option of a pass: `relu1+layer2.*=0.5`.
struct ValueMatches: PassOptionValue {
  var all: [ValueMatch] = []

  init(_ all: [ValueMatch] = []) { self.all = all }

  init?(optionText: String) {
    for part in optionText.split(separator: "+") {
      guard let match = try? ValueMatch(parsing: String(part)) else { return nil }
      all.append(match)
    }
  }
  var optionText: String { all.map(\.description).joined(separator: "+") }
  static var optionValues: String { "names or globs, joined by +, each with =WEIGHT or without" }
}

extension Graph {
  /// What a value's readers see: the result of its quantizer where it has one.
  func quantized(_ value: ValueID) -> ValueID {
    for user in users(of: value) where self[user].op is FakeQuantize {
      if self[user].operands[0] == value { return self[user].result }
    }
    return value
  }

  /// The names of what nodes compute in both graphs, but for what quantizers do.
  func comparableNames(with other: Graph) -> [String] {
    var names: [String] = []
    for id in nodes where !(self[id].op is any SimulatesQuantization) {
      guard let first = self[id].results.first, let result = first,
        self[result].type.element == .f32, let twin = other.value(named: self[result].name),
        other[twin].producer != nil
      else { continue }
      names.append(self[result].name)
    }
    return names
  }

  /// The output of a teacher that belongs to one of the model: its only one, or that of the name.
  func output(for name: String) throws(Diagnostic) -> ValueID {
    let named = outputs.first { self[$0].name == name }
    guard let value = named ?? (outputs.count == 1 ? outputs[0] : nil) else {
      throw Diagnostic(
        .unknownName, "the teacher has no output '\(name)'",
        hint: nameHint(name, among: outputs.map { self[$0].name }))
    }
    return value
  }

  /// A number that tells parameters apart: FNV-1a over names and numbers. O(size of the parameters).
  var parameterDigest: String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ word: UInt64) { hash = (hash ^ word) &* 0x100_0000_01b3 }
    for id in constants + variables {
      for byte in self[id].name.utf8 { add(UInt64(byte)) }
      for number in self[id].parameter?.doubles ?? [] { add(number.bitPattern) }
    }
    return String(hash, radix: 16)
  }
}
