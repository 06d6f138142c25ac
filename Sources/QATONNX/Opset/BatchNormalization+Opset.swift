import QATCore
import QATIR

extension OpsetHistory {
  /// `is_test` went with 7: what is imported is to be run, whatever it said. `spatial`, which went with
  /// 9, had to be 1. Training became an attribute with 14.
  static let batchNormalization = OpsetHistory(
    "BatchNormalization",
    [
      .dropped(at: 7, ["is_test"]),
      .init(version: 9) { node throws(Diagnostic) in
        if case .int(0)? = node.take("spatial") {
          throw Diagnostic(
            .unsupported, "spatial is 0: statistics for each activation, not for each channel")
        }
      },
    ],
    needed: { node, _ in node.results.count > 1 ? 15 : 13 })
}
