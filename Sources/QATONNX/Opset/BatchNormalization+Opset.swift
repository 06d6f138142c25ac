import QATCore
import QATIR

extension OpsetHistory {
  /// Training became an attribute with 14: before, a node with running statistics among its results
  /// trained, and two more results held the batch's own. `spatial` went with 9, `is_test` with 7.
  static let batchNormalization = OpsetHistory(
    "BatchNormalization",
    [
      .dropped(at: 7, ["is_test"]),
      .init(version: 9) { node throws(Diagnostic) in
        // A matrix has no positions that could have statistics of their own.
        guard node.take("spatial") == .int(0), node.shape?.rank != 2 else { return }
        throw Diagnostic(
          .unsupported, "unsupported BatchNormalization with statistics of each position",
          hint: "set spatial = 1")
      },
      .init(version: 14) { node in
        guard node.outputs.dropFirst().contains(where: { !$0.isEmpty }) else { return }
        node.attributes.append(("training_mode", .int(1)))
        node.outputs.removeLast(max(0, node.outputs.count - 3))
      },
    ], needed: { node, _ in node.results.count > 1 ? 15 : 13 })
}
