import QATPasses
import QATRewrite

/// How a quantized model is written: the pipeline that a frozen graph with fake-quantizers goes through.
public struct QuantizedForm: Sendable, Hashable {
  /// Pipeline text; empty for the fake-quantizers themselves.
  public var pipeline: String

  public init(pipeline: String) { self.pipeline = pipeline }

  /// `qat.FakeQuantize`, in evaluation form.
  public static let fakeQuantized = Self(pipeline: "")
  /// `QuantizeLinear` and `DequantizeLinear` around float operations.
  public static let qdq = Self(pipeline: "lower-qdq")
  /// `QLinearConv` and its like.
  public static let qoperator = Self(pipeline: "lower-qoperator")
}
