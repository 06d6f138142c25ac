/// What went wrong, where, and what to do next: the one error of this project.
///
///     resnet.qir:14:9: error[shape-mismatch]: scale has shape [64], expected []
///       hint: set `axis` for one scale per channel
public struct Diagnostic: Error, Sendable, Equatable, CustomStringConvertible {
  /// What kind of mistake it is: what a test, or a caller that recovers, looks at.
  public struct Code: RawRepresentable, Sendable, Hashable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
  }

  /// What kind of mistake it is.
  public var code: Code
  /// What is wrong, in a line.
  public var message: String
  /// Where: a text position, a node, a field of a model file. Outermost first.
  public var place: String?
  /// What the user can do about it.
  public var hint: String?

  /// A mistake; whoever knows the place adds it with `at`.
  public init(_ code: Code, _ message: String, at place: String? = nil, hint: String? = nil) {
    self.code = code
    self.message = message
    self.place = place
    self.hint = hint
  }

  /// The same diagnostic, seen from further out: `place` goes in front of the place it has.
  public func at(_ place: String) -> Diagnostic {
    var result = self
    result.place = self.place.map { "\(place): \($0)" } ?? place
    return result
  }

  public var description: String {
    let place = place.map { "\($0): " } ?? ""
    let hint = hint.map { "\n  hint: \($0)" } ?? ""
    return "\(place)error[\(code.rawValue)]: \(message)\(hint)"
  }
}

extension Diagnostic.Code {
  /// A type, an attribute or an arity that an operation does not accept.
  public static let invalidOperand = Self(rawValue: "invalid-operand")
  /// Shapes that do not go together.
  public static let shapeMismatch = Self(rawValue: "shape-mismatch")
  /// Types that do not go together.
  public static let typeMismatch = Self(rawValue: "type-mismatch")
  /// An attribute of an operation with a value that it can't have.
  public static let invalidAttribute = Self(rawValue: "invalid-attribute")
  /// A graph that breaks a rule that holds between any two passes.
  public static let invalidGraph = Self(rawValue: "invalid-graph")
  /// A model file that is not what it says it is.
  public static let malformedFile = Self(rawValue: "malformed-file")
  /// Something this version can't run, convert or quantize.
  public static let unsupported = Self(rawValue: "unsupported")
  /// Text that can't be read.
  public static let syntax = Self(rawValue: "syntax")
  /// A name (of a pass, an op, an option, a value) that nothing has.
  public static let unknownName = Self(rawValue: "unknown-name")
  /// A setting of the caller's that makes no sense.
  public static let invalidOption = Self(rawValue: "invalid-option")
  /// A rule of a configuration that matches nothing, or two that contradict each other.
  public static let configuration = Self(rawValue: "configuration")
  /// Data of the wrong kind, shape or number; NaN or infinity where there must be none.
  public static let invalidData = Self(rawValue: "invalid-data")
  /// The operating system refused: a file that is missing, a folder that can't be written.
  public static let io = Self(rawValue: "io")
  /// A pass did not keep the values it promises to keep.
  public static let brokenPromise = Self(rawValue: "broken-promise")
}

/// The names nearest to a mistyped one, for hints: `did you mean 'fold-batchnorm'?`
///
/// Looks at names of at most 256 bytes, and at most at 10,000 of them.
public func nearestNames(to name: String, among known: [String], limit: Int = 3) -> [String] {
  guard name.utf8.count <= 256 else { return [] }
  let name = Array(name.lowercased())
  let scored = known.prefix(10_000).compactMap { other -> (name: String, distance: Int)? in
    let count = other.utf8.count, farthest = max(2, count / 3)
    // A distance is at least the difference of the lengths; a character has up to a few bytes.
    guard count <= 256, count + 4 * farthest >= name.count else { return nil }
    let distance = editDistance(name, Array(other.lowercased()))
    return distance <= farthest ? (other, distance) : nil
  }
  return scored.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(limit).map(\.name)
}

/// A hint that offers the nearest names, or lists the known ones when nothing is near and they are not
/// too many to read.
public func nameHint(_ name: String, among known: [String]) -> String? {
  let near = nearestNames(to: name, among: known)
  if !near.isEmpty { return "did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?" }
  guard !known.isEmpty, known.count <= 500 else { return nil }
  return "known: \(known.sorted().joined(separator: ", "))"
}

/// Levenshtein distance, O(n·m).
private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
  var row = Array(0...b.count)
  for i in a.indices {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let substituted = diagonal + (a[i] == b[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
    }
  }
  return row[b.count]
}
