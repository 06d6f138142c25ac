import QATCore
import QATIR

extension OpsetHistory {
  /// Before 7 a vector of slopes belonged to the channels, axis 1.
  static let prelu = OpsetHistory(
    "PRelu",
    [
      .init(version: 7) { node in
        guard node.shapes.count > 1, let x = node.shapes[0], let slope = node.shapes[1],
          slope.rank == 1, slope[0].size != 1, x.rank > 2
        else { return }
        node.unsqueezeInput(1, axes: Array(1..<x.rank - 1))
      }
    ])
}
