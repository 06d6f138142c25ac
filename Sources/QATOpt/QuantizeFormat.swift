import ArgumentParser
import QAT

/// The form that `quantize` gives a model.
enum QuantizeFormat: String, ExpressibleByArgument, CaseIterable {
  /// QuantizeLinear and DequantizeLinear around float operations, which runtimes fuse.
  case qdq
  /// Integer operations.
  case qoperator
  /// Integer products of activations that are quantized when running.
  case dynamic
  /// Codes of weights, dequantized for products in float.
  case weightOnly = "weight-only"
  /// The same with com.microsoft's MatMulNBits.
  case matmulnbits

  /// Whether ranges of activations are observed.
  var observesActivations: Bool { self == .qdq || self == .qoperator }

  /// The pipeline of post-training quantization.
  var pipeline: String {
    observesActivations ? "ptq,\(lowering)" : "ptq-\(rawValue)"
  }

  /// The pipeline from a trained, frozen graph.
  var lowering: String { observesActivations ? "lower-\(rawValue)" : "to-\(rawValue)" }

  /// The pipeline that prepares training.
  func preparation(_ registry: PassRegistry) throws(Diagnostic) -> Pipeline {
    var pipeline = try Pipeline("qat-prepare", registry: registry)
    guard !observesActivations else { return pipeline }
    for (index, pass) in pipeline.passes.enumerated() {
      guard var notes = pass as? ApplyLayerConfig else { continue }
      notes.activations = self == .dynamic ? .dynamic : .float
      pipeline.passes[index] = notes
    }
    return pipeline
  }
}
