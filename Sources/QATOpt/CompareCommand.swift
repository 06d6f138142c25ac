import ArgumentParser
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

import QAT

/// `qat-opt compare A B --data DATA`: how far two models are apart, value by value.
struct CompareCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare", abstract: "Compare two models, value by value.")

  @Argument(help: "A model.") var first: String
  @Argument(help: "Another one; values go by name.") var second: String
  @Option(help: "Data to run both on.") var data: String
  @Option(help: "Samples to run.") var limit = 64
  @Flag(help: "Print JSON.") var json = false

  func execute() throws(Diagnostic) {
    let a = try GraphFiles.read(first, registry: QatOpt.tools.ops)
    let b = try GraphFiles.read(second, registry: QatOpt.tools.ops)
    let set = try load(data, for: a, split: .test)
    let batch = try set.batch(Array(0..<min(limit, set.count))).inputs
    let left = try Session(a, watching: nil), right = try Session(b, watching: nil)
    _ = try left.run(batch)
    _ = try right.run(batch)
    var rows: [[String]] = [["value", "elements", "SQNR dB", "max difference", "equal"]]
    var entries: [String] = []
    for node in b.nodes {
      for case .some(let id) in b[node].results {
        let name = b[id].name
        guard let x = left.value(name), let y = right.value(name), x.shape == y.shape,
          let p = x.doubles, let q = y.doubles
        else { continue }
        let comparison = Comparison(p, q)
        rows.append([
          name, "\(p.count)", fixed(comparison.sqnr, 1), fixed(comparison.largest, 6),
          fixed(100 * comparison.equal, 2) + " %",
        ])
        entries.append(
          "{\"value\": \(quoted(name)), \"sqnr\": \(comparison.sqnr.isFinite ? "\(comparison.sqnr)" : "null"), "
            + "\"max\": \(comparison.largest), \"equal\": \(comparison.equal)}")
      }
    }
    guard rows.count > 1 else {
      throw Diagnostic(.invalidData, "the models have no values of one name and shape")
    }
    Terminal.print(json ? "[\(entries.joined(separator: ",\n"))]" : table(rows))
  }
}

/// How far two tensors are apart.
struct Comparison {
  /// 10·log10(Σ x² / Σ (x - y)²): the signal against the noise of quantization, in dB.
  let sqnr: Double
  let largest: Double
  /// The share of elements that are the same.
  let equal: Double

  init(_ x: [Double], _ y: [Double]) {
    var signal = 0.0, noise = 0.0, largest = 0.0, equal = 0
    for (a, b) in zip(x, y) {
      signal += a * a
      noise += (a - b) * (a - b)
      largest = max(largest, abs(a - b))
      if a == b { equal += 1 }
    }
    sqnr = noise == 0 ? .infinity : 10 * log10(signal / noise)
    self.largest = largest
    self.equal = x.isEmpty ? 1 : Double(equal) / Double(x.count)
  }
}
