/// Lines of cells as a table with aligned columns, the first row above a rule.
package func table(_ rows: [[String]]) -> String {
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
package func fixed(_ number: Double, _ digits: Int) -> String {
  guard number.isFinite else { return "\(number)" }
  let factor = (0..<digits).reduce(1.0) { value, _ in value * 10 }
  guard abs(number) * factor < 1e15 else { return "\(number)" }
  let scaled = Int((abs(number) * factor).rounded())
  let whole = "\(scaled / Int(factor))"
  let sign = number < 0 && scaled != 0 ? "-" : ""
  if digits == 0 { return sign + whole }
  let rest = "\(scaled % Int(factor))"
  return sign + whole + "." + String(repeating: "0", count: digits - rest.count) + rest
}
