import QATIR

extension OpsetHistory {
  /// From 22 on a window of `ceil_mode` that would begin behind the input is left out.
  static let pooling = ["MaxPool", "AveragePool"].map { op in
    OpsetHistory(
      op,
      needed: { node, graph in
        let pool =
          (node.op as? MaxPool).map { ($0.window, $0.ceilMode) }
          ?? (node.op as? AveragePool).map { ($0.window, $0.ceilMode) }
        guard let (window, isCeil) = pool, isCeil,
          let sizes = node.operands.first?.flatMap({ graph[$0].type.shape?.sizes })
        else { return 13 }
        let axes = window.resolved(
          input: Array(sizes.dropFirst(2)), kernel: window.kernelShape, ceilMode: true)
        let leavesOut = axes.contains { axis in
          let room = axis.input + axis.padBegin + axis.padEnd - axis.extent
          return room >= 0 && (room + axis.stride - 1) / axis.stride == axis.output
        }
        return leavesOut ? 22 : 13
      })
  }
}
