import QATCore
import QATIR

extension OpsetHistory {
  /// `p` was a float before 2.
  static let lpPools = ["LpPool", "GlobalLpPool"].map { op in
    OpsetHistory(
      op,
      [
        .init(version: 2) { node throws(Diagnostic) in
          guard case .float(let p)? = node.take("p") else { return }
          guard let whole = Int(exactly: p) else {
            throw Diagnostic(.unsupported, "p \(p) is no whole number")
          }
          node.attributes.append(("p", .int(whole)))
        }
      ])
  }
}
