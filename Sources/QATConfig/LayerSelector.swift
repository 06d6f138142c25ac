import QATCore

/// Which layers a rule is about.
///
/// | text | layers |
/// |---|---|
/// | `first`, `last` | by position among the quantizable layers, in the order they run |
/// | `1..<n`, `0...3`, `2..<n-1` | by position, from 0; `n` is their number |
/// | `/layer[34]\..*/` | whose whole name the regular expression matches |
/// | `backbone.*`, `conv?`, `layer[12]` | whose whole name the glob matches; `*` crosses `.` and `/` |
/// | `op: Gemm` | by operation |
/// | anything else | by exact name |
///
/// Where a name would read as something else, YAML has `{name: first}`, `{glob: …}`, `{regex: …}`.
public enum LayerSelector: Sendable, Hashable {
  /// The first layer with weights.
  case first
  /// The last layer with weights.
  case last
  /// Layers with weights by position.
  case range(LayerRange)
  /// The layer of that name.
  case name(String)
  /// Layers whose whole name a glob matches.
  case glob(String)
  /// Without the slashes.
  case regex(String)
  /// Layers of an operation: `Gemm`.
  case op(String)

  /// Reads the text form.
  ///
  /// - Throws: `syntax` for a range or a regular expression that is none.
  public init(_ text: String) throws(Diagnostic) {
    if text == "first" {
      self = .first
    } else if text == "last" {
      self = .last
    } else if text.hasPrefix("op:") {
      self = .op(String(text.dropFirst(3).drop { $0 == " " }))
    } else if text.count > 2, text.hasPrefix("/"), text.hasSuffix("/") {
      self = .regex(String(text.dropFirst().dropLast()))
    } else if let range = try LayerRange(parsing: text) {
      self = .range(range)
    } else if text.contains(where: { "*?[".contains($0) }) {
      self = .glob(text)
    } else {
      self = .name(text)
    }
    try validate()
  }

  /// Refuses an empty text and a regular expression that can't be compiled.
  func validate() throws(Diagnostic) {
    switch self {
    case .regex(let text): _ = try Self.compiled(text)
    case .name(let text), .glob(let text), .op(let text):
      if text.isEmpty {
        throw Diagnostic(
          .syntax, "an empty match",
          hint: "use first, last, a range, a name, a glob, /regex/ or op: NAME")
      }
    case .first, .last, .range: break
    }
  }

  /// Where the text form would read as this selector.
  private var text: String {
    switch self {
    case .first: "first"
    case .last: "last"
    case .range(let range): range.description
    case .name(let name), .glob(let name): name
    case .regex(let text): "/\(text)/"
    case .op(let name): "op: \(name)"
    }
  }

  /// The YAML that reads as this selector.
  var yaml: String {
    if (try? LayerSelector(text)) == self { return yamlString(text) }
    switch self {
    case .name(let name): return flowMapping([("name", yamlString(name))])
    case .glob(let text): return flowMapping([("glob", yamlString(text))])
    case .regex(let text): return flowMapping([("regex", yamlString(text))])
    case .op(let name): return flowMapping([("op", yamlString(name))])
    case .first, .last, .range: return text
    }
  }

  /// How much of a model selectors of this kind are for: a rule is undone by a later one that is wider.
  var breadth: Int {
    switch self {
    case .name: 0
    case .first, .last: 1
    case .range: 2
    case .glob(let text): text == "*" ? 5 : 3
    case .regex(let text): text == ".*" ? 5 : 3
    case .op: 4
    }
  }

  /// The positions in `layers` of those selected.
  func matches(in layers: [LayerDescription]) throws(Diagnostic) -> [Int] {
    let quantizable = layers.indices.filter { layers[$0].index != nil }
      .sorted { (layers[$0].index ?? 0) < (layers[$1].index ?? 0) }
    switch self {
    case .first: return Array(quantizable.prefix(1))
    case .last: return Array(quantizable.suffix(1))
    case .range(let range): return range.indices(of: quantizable.count).map { quantizable[$0] }
    case .op(let name): return layers.indices.filter { layers[$0].opType == name }
    case .name(let name): return layers.indices.filter { layers[$0].name == name }
    case .glob(let text):
      let glob = Array(text)
      // A layer may be called `blocks[0]`: its own name always selects it.
      return layers.indices.filter {
        layers[$0].name == text || globMatches(glob[...], Array(layers[$0].name)[...])
      }
    case .regex(let text):
      let regex = try Self.compiled(text)
      return layers.indices.filter { (try? regex.wholeMatch(in: layers[$0].name)) != nil }
    }
  }

  /// What to say to someone whose rule selects nothing.
  func hint(for layers: [LayerDescription]) -> String? {
    let names = layers.map(\.name)
    switch self {
    case .first, .last: return "the model has no quantizable layer"
    case .range:
      return "the model has \(layers.count { $0.index != nil }) quantizable layers, counted from 0"
    case .op(let name): return nameHint(name, among: Array(Set(layers.map(\.opType))))
    case .name(let name), .glob(let name): return hint(name, names)
    case .regex(let text):
      return "the expression must match a whole name, as in /.*\(text).*/; names: \(listed(names))"
    }
  }

  private func hint(_ name: String, _ names: [String]) -> String {
    let near = nearestNames(to: name, among: names)
    return near.isEmpty
      ? "the layers are \(listed(names))"
      : "did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?"
  }

  private func listed(_ names: [String]) -> String {
    names.prefix(8).joined(separator: ", ") + (names.count > 8 ? ", …" : "")
  }

  private static func compiled(_ text: String) throws(Diagnostic) -> Regex<AnyRegexOutput> {
    do { return try Regex(text) } catch {
      throw Diagnostic(
        .syntax, "/\(text)/ is no regular expression: \(error)",
        hint: "in YAML, double quotes need \\\\ for one backslash; single quotes do not")
    }
  }
}

/// Whether a name matches a glob: `*` any run, `?` one character, `[ab-d]` and `[!ab]` sets.
/// O(glob · name).
public func globMatches(_ glob: String, _ name: String) -> Bool {
  globMatches(Array(glob)[...], Array(name)[...])
}

/// O(glob · name): on a mismatch only the last star is tried again.
func globMatches(_ glob: ArraySlice<Character>, _ name: ArraySlice<Character>) -> Bool {
  var glob = glob, name = name
  var retry: (glob: ArraySlice<Character>, name: ArraySlice<Character>)?
  while true {
    if glob.first == "*" {
      glob = glob.dropFirst()
      retry = (glob, name)
    } else if let rest = matchOne(glob, name.first) {
      glob = rest
      name = name.dropFirst()
    } else if name.isEmpty, glob.isEmpty {
      return true
    } else if let last = retry, !last.name.isEmpty {
      (glob, name) = (last.glob, last.name.dropFirst())
      retry = (glob, name)
    } else {
      return false
    }
  }
}

/// The glob after the element that takes `character`, or `nil` where it does not take it.
private func matchOne(
  _ glob: ArraySlice<Character>, _ character: Character?
) -> ArraySlice<Character>? {
  guard let character, let first = glob.first else { return nil }
  let rest = glob.dropFirst()
  if first == "?" { return rest }
  guard first == "[", let end = rest.dropFirst().firstIndex(of: "]") else {
    return first == character ? rest : nil
  }
  var set = rest[..<end], isMember = false
  let isNegated = set.first == "!"
  if isNegated { set = set.dropFirst() }
  while let low = set.popFirst() {
    if set.count >= 2, set.first == "-" {
      let high = set[set.startIndex + 1]
      set = set.dropFirst(2)
      isMember = isMember || (low <= high && (low...high).contains(character))
    } else {
      isMember = isMember || low == character
    }
  }
  return isMember != isNegated ? rest[(end + 1)...] : nil
}
