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

extension ImportedNode {
  /// Puts axes of size 1 into an input, which has a known rank.
  fileprivate mutating func unsqueezeInput(_ index: Int, axes: [Int]) {
    let name = "\(outputs.first ?? type).input\(index)"
    constants.append((name + ".axes", AnyTensor(shape: [axes.count], axes.map(Int64.init))))
    before.append(.init(op: Unsqueeze(), inputs: [inputs[index], name + ".axes"], output: name))
    inputs[index] = name
  }
}
