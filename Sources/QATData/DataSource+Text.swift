import QATCore

extension DataSource {
  /// The words before a colon (or alone) that are no paths.
  static let schemes = ["cifar10", "digits", "mnist", "random", "runs"]

  /// Reads a `DATA` text. Files are not looked for before `load`.
  ///
  /// - Throws: `unknown-name` for a scheme or option that is none, `invalid-option` for a bad value.
  public init(_ text: String) throws(Diagnostic) {
    let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    do throws(Diagnostic) {
      location = try Self.location(String(parts[0]))
      guard parts.count == 2 else { return }
      var seen: Set<String> = []
      for option in parts[1].split(separator: "&") {
        let pair = option.split(separator: "=", maxSplits: 1).map(String.init)
        guard pair.count == 2, seen.insert(pair[0]).inserted else {
          throw Diagnostic(
            .invalidOption,
            pair.count == 2 ? "the option '\(pair[0])' stands twice" : "'\(option)' has no value",
            hint: "write options as ?split=test&limit=1000")
        }
        try set(pair[0], pair[1])
      }
    } catch { throw error.at(text) }
  }

  /// The text that reads as this source.
  public var description: String {
    var options: [String] = []
    if let split { options.append("split=\(split.rawValue)") }
    if offset != 0 { options.append("offset=\(offset)") }
    if let limit { options.append("limit=\(limit)") }
    if let seed { options.append("seed=\(seed)") }
    if let classes { options.append("classes=\(classes)") }
    options += sizes.sorted { $0.key < $1.key }.map { "size.\($0.key)=\($0.value)" }
    let base =
      switch location {
      case .path(let path): path
      case .runs(let folder): "runs:\(folder)"
      case .mnist(let folder): "mnist:\(folder)"
      case .cifar10(let folder): "cifar10:\(folder)"
      case .digits: "digits"
      case .random(let count): "random:\(count)"
      }
    return options.isEmpty ? base : "\(base)?\(options.joined(separator: "&"))"
  }

  private static func location(_ text: String) throws(Diagnostic) -> Location {
    if text == "digits" { return .digits }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let scheme = String(parts[0]), rest = parts.count == 2 ? String(parts[1]) : nil
    switch (scheme, rest) {
    case ("mnist", let folder?) where !folder.isEmpty: return .mnist(folder: folder)
    case ("cifar10", let folder?) where !folder.isEmpty: return .cifar10(folder: folder)
    case ("runs", let folder?) where !folder.isEmpty: return .runs(folder: folder)
    case ("random", let count?):
      guard let count = Int(count), count > 0 else {
        throw Diagnostic(
          .invalidOption, "'\(count)' is no number of samples", hint: "as in random:100")
      }
      return .random(count: count)
    case ("mnist", _), ("cifar10", _), ("runs", _), ("random", nil):
      throw Diagnostic(
        .invalidOption, "'\(scheme)' lacks what follows the colon",
        hint: scheme == "random" ? "as in random:100" : "as in \(scheme):DIR")
    case ("digits", _?):
      throw Diagnostic(
        .invalidOption, "nothing follows 'digits:'", hint: "write digits, or digits?split=test")
    case ("", _):
      throw Diagnostic(
        .invalidOption, "no data is named", hint: "as in data.npz, mnist:DIR, digits")
    case (_, _?) where scheme.allSatisfy { $0.isLetter || $0.isNumber } && scheme.count > 1:
      throw Diagnostic(
        .unknownName, "there is no data of kind '\(scheme)'", hint: nameHint(scheme, among: schemes)
      )
    default: return .path(text)
    }
  }

  private mutating func set(_ name: String, _ value: String) throws(Diagnostic) {
    var known = ["split", "offset", "limit", "seed"]
    var isRandom = false, hasSplits = true
    switch location {
    case .random: (isRandom, hasSplits) = (true, false)
    case .path: hasSplits = false
    default: break
    }
    if isRandom { known += ["classes", "size.NAME"] }
    switch name {
    case "split":
      guard hasSplits else {
        throw Diagnostic(
          .invalidOption, "this data has no splits", hint: "take a part with offset and limit")
      }
      guard let split = DataSplit(rawValue: value) else {
        throw Diagnostic(.invalidOption, "no split '\(value)'", hint: "use train or test")
      }
      self.split = split
    case "offset": offset = try number(name, value, from: 0)
    case "limit": limit = try number(name, value, from: 1)
    case "seed": seed = UInt64(try number(name, value, from: 0))
    case "classes" where isRandom: classes = try number(name, value, from: 1)
    case _ where isRandom && name.hasPrefix("size.") && name.count > 5:
      sizes[String(name.dropFirst(5))] = try number(name, value, from: 1)
    default:
      throw Diagnostic(
        .unknownName, "there is no option '\(name)' for this data",
        hint: nameHint(name, among: known))
    }
  }

  private func number(_ name: String, _ value: String, from least: Int) throws(Diagnostic) -> Int {
    guard let number = Int(value), number >= least else {
      throw Diagnostic(
        .invalidOption, "\(name)=\(value) is no number from \(least) on", hint: "as in \(name)=100")
    }
    return number
  }
}
