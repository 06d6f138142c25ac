import QATConfig
import QATCore
import QATData
import QATIR
import QATPasses
import QATRewrite
import QATTraining

/// A quantized model and what the passes said while they made it.
public struct QuantizedModel: Sendable {
  /// The model in the form asked for.
  public var graph: Graph
  /// In order; each names its pass and node.
  public var remarks: [Remark]
}

/// Quantizes a float model without training it, in one call.
///
///     let model = try quantizeModel(GraphFiles.read("model.onnx"), calibration: data)
///     try GraphFiles.write(model.graph, to: "model.int8.onnx")
///
/// - Parameters:
///   - graph: in evaluation form.
///   - data: what the ranges of activations are observed on; needs no labels.
///   - config: how each layer is quantized.
///   - form: how the result is written.
///   - batchSize: samples in a calibration batch.
///   - batches: calibration batches at most; 0 for all.
/// - Throws: `configuration`, `unsupported` and `invalid-data` as `QATPreparer.prepareForQAT`.
public func quantizeModel(
  _ graph: Graph, calibration data: any DataSet, config: QuantizationConfig = .postTraining,
  form: QuantizedForm = .qdq, batchSize: Int = 32, batches: Int = 32
) throws(Diagnostic) -> QuantizedModel {
  var preparer = QATPreparer(
    config,
    calibration: try CalibrationData(data, for: graph, batchSize: batchSize, batches: batches))
  let result = try preparer.quantize(graph, to: form)
  return QuantizedModel(graph: result, remarks: preparer.remarks)
}
