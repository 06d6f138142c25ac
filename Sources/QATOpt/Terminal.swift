import QAT

/// Results go to standard output, everything else to standard error.
enum Terminal {
  static func print(_ text: String) { send(text + "\n", to: 1) }
  static func error(_ text: String) { send(text + "\n", to: 2) }
  /// Text without a line end.
  static func write(_ text: String) { send(text, to: 1) }

  /// Progress: text without a line end, on standard error.
  static func show(_ text: String) { send(text, to: 2) }

  /// Whether standard error is a terminal that shows progress in one line.
  static var isInteractive: Bool { FileSystem.isTerminal(2) }

  private static func send(_ text: String, to descriptor: Int32) {
    FileSystem.write(text, toStream: descriptor)
  }
}

/// Lines of cells as a table with aligned columns, the first row above a rule.
func table(_ rows: [[String]]) -> String {
  let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
  var lines = rows.map { row in
    zip(row, widths).map { cell, width in
      cell + String(repeating: " ", count: width - cell.count)
    }.joined(separator: " | ")
  }
  if !lines.isEmpty {
    lines.insert(widths.map { String(repeating: "-", count: $0) }.joined(separator: "-|-"), at: 1)
  }
  return lines.joined(separator: "\n")
}

/// A number with so many digits behind the point.
func fixed(_ number: Double, _ digits: Int) -> String {
  guard number.isFinite else { return "\(number)" }
  let factor = (0..<digits).reduce(1.0) { value, _ in value * 10 }
  let scaled = Int((abs(number) * factor).rounded())
  let whole = "\(scaled / Int(factor))"
  let sign = number < 0 && scaled != 0 ? "-" : ""
  if digits == 0 { return sign + whole }
  let rest = "\(scaled % Int(factor))"
  return sign + whole + "." + String(repeating: "0", count: digits - rest.count) + rest
}
