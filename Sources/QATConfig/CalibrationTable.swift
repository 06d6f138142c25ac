import QATCore

/// The ranges that calibration observed, by the names of the values: what `--save-calibration` writes
/// and `--calibration` reads.
///
///     # Ranges of values, as calibration observed them.
///     ranges:
///       image: {min: 0.0, max: 1.0, observer: moving-average, bits: 8, batches: 32}
///       conv1.relu: {min: 0.0, max: 5.75, observer: percentile, bits: 8, batches: 32}
///
/// Numbers are written so that they read back as the same bits.
public struct CalibrationTable: Sendable, Equatable {
  /// By the name of the value.
  public var ranges: [String: Entry]
  /// The file it was read from, for messages; no part of what the table says.
  public var file: String?

  /// What is known of one value.
  public struct Entry: Sendable, Equatable {
    /// The lower end of its range.
    public var min: Float
    /// The upper end of its range.
    public var max: Float
    /// What found the range.
    public var observer: ObserverSettings.Kind
    /// Of the grid that the range was observed for.
    public var bits: Int
    /// Seen by the observer.
    public var batches: Int
    /// Where it stands in its file, for messages; no part of what the entry says.
    var place: String?

    public init(min: Float, max: Float, observer: ObserverSettings.Kind, bits: Int, batches: Int) {
      self.min = min
      self.max = max
      self.observer = observer
      self.bits = bits
      self.batches = batches
    }

    public static func == (a: Self, b: Self) -> Bool {
      (a.min, a.max, a.observer, a.bits, a.batches) == (b.min, b.max, b.observer, b.bits, b.batches)
    }
  }

  public init(ranges: [String: Entry]) { self.ranges = ranges }

  public static func == (a: Self, b: Self) -> Bool { a.ranges == b.ranges }

  /// The table as YAML, sorted by name.
  public var yaml: String {
    let lines = ranges.sorted { $0.key < $1.key }.map { name, entry in
      let settings = flowMapping([
        ("min", "\(entry.min)"), ("max", "\(entry.max)"), ("observer", entry.observer.rawValue),
        ("bits", "\(entry.bits)"), ("batches", "\(entry.batches)"),
      ])
      return "  \(yamlString(name)): \(settings)"
    }
    return "# Ranges of values, as calibration observed them.\n"
      + (lines.isEmpty ? "ranges: {}\n" : "ranges:\n\(lines.joined(separator: "\n"))\n")
  }

  /// - Parameter file: the name to show in messages.
  /// - Throws: `syntax` for what is no YAML or has a value of the wrong kind, `unknown-name` for keys and
  ///   words that mean nothing, `invalid-data` for a range that is none; each with its place.
  public init(yaml: String, file: String = "calibration") throws(Diagnostic) {
    let reader = YAMLReader(file: file)
    guard let root = try reader.compose(yaml),
      let node = try reader.mapping(root, ["ranges"])["ranges"]
    else {
      throw Diagnostic(
        .syntax, "there are no ranges", at: file, hint: "--save-calibration writes such a file")
    }
    self.init(ranges: [:])
    self.file = file
    for (name, settings) in try reader.pairs(node) {
      ranges[name] = try reader.range(settings)
    }
  }

  /// Reads a file.
  /// - Throws: as `init(yaml:file:)`, and `io` where it can't be read.
  public init(contentsOf path: String) throws(Diagnostic) {
    try self.init(
      yaml: try YAMLReader.text(of: path, "the calibration", limit: 64 << 20), file: path)
  }

  /// Refuses a table that does not belong to these values.
  ///
  /// - Throws: `unknown-name` for a range of a value that is not observed, `invalid-data` for a value
  ///   without a range.
  public func check(against values: [String]) throws(Diagnostic) {
    let known = Set(values), file = file ?? "the calibration"
    let strange = ranges.filter { !known.contains($0.key) }.sorted { $0.key < $1.key }
    if let (name, entry) = strange.first {
      let others = strange.count > 1 ? " (and \(strange.count - 1) more)" : ""
      throw Diagnostic(
        .unknownName, "the model observes no value '\(name)'\(others)", at: entry.place ?? file,
        hint: nameHint(name, among: values.filter { ranges[$0] == nil })
          ?? "the file is of another model, or of another configuration")
    }
    let missing = values.filter { ranges[$0] == nil }.sorted()
    guard !missing.isEmpty else { return }
    let listed = missing.prefix(8).map { "'\($0)'" }.joined(separator: ", ")
    throw Diagnostic(
      .invalidData, "there is no range for \(listed)\(missing.count > 8 ? ", …" : "")", at: file,
      hint: "calibrate on data again, and write the file with --save-calibration")
  }
}

extension YAMLReader {
  fileprivate func range(_ node: YAMLNode) throws(Diagnostic) -> CalibrationTable.Entry {
    let keys = try mapping(node, ["min", "max", "observer", "bits", "batches"])
    guard let low = keys["min"], let high = keys["max"] else {
      throw error(node, .syntax, "a range has min and max", "as in {min: -1.0, max: 1.0}")
    }
    var entry = CalibrationTable.Entry(
      min: try float(low), max: try float(high), observer: .minMax, bits: 8, batches: 1)
    guard entry.min <= entry.max else {
      throw error(
        node, .invalidData, "min \(entry.min) is above max \(entry.max)", "exchange the two")
    }
    if let node = keys["observer"] {
      entry.observer = try word(node, of: ObserverSettings.Kind.self, "observer")
    }
    if let node = keys["bits"] { entry.bits = try integer(node) }
    if let node = keys["batches"] { entry.batches = try integer(node) }
    guard entry.bits >= 2, entry.batches >= 0 else {
      throw error(
        node, .invalidData, "bits: \(entry.bits), batches: \(entry.batches)",
        "as in {bits: 8, batches: 32}")
    }
    entry.place = place(node)
    return entry
  }
}
