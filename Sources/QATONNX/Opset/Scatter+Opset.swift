import QATIR

extension OpsetHistory {
  /// What `ScatterElements` was called before 11.
  static let scatter = OpsetHistory("Scatter", [.renamed(at: 11, to: "ScatterElements")])

  /// Sums and products came with 16, extrema with 18.
  static let scatterings = ["ScatterElements", "ScatterND"].map { op in
    OpsetHistory(
      op,
      needed: { node, _ in
        switch (node.op as? any Scattering)?.reduction ?? .none {
        case .none: 13
        case .add, .mul: 16
        case .max, .min: 18
        }
      })
  }
}
