import QATCore
import QATIR

extension OpsetHistory {
  /// `p` was a float before 2; `dilations` and `ceil_mode` came with 18.
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
      ],
      needed: { node, _ in
        let isNew = node.op.attributeValues.contains { ["ceil_mode", "dilations"].contains($0.name) }
        return isNew ? 18 : 13
      })
  }
}
