import QATCore
import QATPasses
import QATRewrite

/// What a model becomes when it is quantized: which of its values are codes, and how that is written.
public enum QuantizedForm: String, CaseIterable, Sendable {
  /// `qat.FakeQuantize`, in evaluation form.
  case fakeQuantized = "fake-quantized"
  /// QuantizeLinear and DequantizeLinear around float operations, which runtimes fuse.
  case qdq
  /// Integer operations: QLinearConv and its like.
  case qoperator
  /// Integer products of activations that are quantized when running.
  case dynamic
  /// Codes of weights, dequantized for products in float.
  case weightOnly = "weight-only"
  /// The same with com.microsoft's MatMulNBits.
  case matmulnbits

  /// Whether ranges of activations are observed, so that calibration data is needed.
  public var observesActivations: Bool {
    switch self {
    case .fakeQuantized, .qdq, .qoperator: true
    case .dynamic, .weightOnly, .matmulnbits: false
    }
  }

  /// The pipeline from a float graph, without training.
  public var postTraining: String {
    switch self {
    case .fakeQuantized: "ptq"
    case .qdq, .qoperator: "ptq,\(lowering)"
    case .dynamic, .weightOnly, .matmulnbits: "ptq-\(rawValue)"
    }
  }

  /// The pipeline from a frozen graph with fake-quantizers; empty where that is the form.
  public var lowering: String {
    switch self {
    case .fakeQuantized: ""
    case .qdq, .qoperator: "lower-\(rawValue)"
    case .dynamic, .weightOnly, .matmulnbits: "to-\(rawValue)"
    }
  }

  /// The pipeline from a float graph to one that can be trained.
  func preparation(_ registry: PassRegistry) throws(Diagnostic) -> Pipeline {
    observing(try Pipeline("qat-prepare", registry: registry))
  }

  /// A pipeline that notes on layers what this form quantizes.
  func observing(_ pipeline: Pipeline) -> Pipeline {
    guard !observesActivations else { return pipeline }
    var pipeline = pipeline
    for (index, pass) in pipeline.passes.enumerated() {
      guard var notes = pass as? ApplyLayerConfig else { continue }
      notes.activations = self == .dynamic ? .dynamic : .float
      pipeline.passes[index] = notes
    }
    return pipeline
  }
}
