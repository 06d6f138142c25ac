import QATCore
import QATIR

extension OpsetHistory {
  /// Before 6 one axis was repeated, and the numbers were of the type of the tensor.
  static let tile = OpsetHistory(
    "Tile",
    [
      .init(version: 6) { node throws(Diagnostic) in
        throw Diagnostic(
          .unsupported, "Tile of opsets below 6 repeats one axis, given as data",
          hint: "convert the model: onnx.version_converter")
      }
    ])
}
