import QATCore
import QATPasses
import QATRewrite

/// What factors of products are rounded to before they are multiplied.
public enum MatMulPrecision: String, CaseIterable, PassOptionValue, Sendable { case f32, bf16 }

/// What a training step is made of.
public struct TrainingOptions: Sendable {
  /// The loss: `.crossEntropy`, `.mse`, `.bce`, `.l1`, a `Distillation`, or one of your own.
  public var loss: any Loss = .crossEntropy
  /// The output that the loss looks at; the first where empty.
  public var output = ""
  /// The optimizer and its settings, or `ApplyOptimizer(…)` of one of your own; the learning rate is
  /// given with every step.
  public var optimizer = ApplyOptimizer()
  /// The largest norm of all gradients together; 0 for none.
  public var clipNorm: Float = 0
  /// The largest magnitude of an element of a gradient; 0 for none.
  public var clipValue: Float = 0
  /// Whether batch-norms use their running statistics instead of the batch's, and keep them.
  public var freezesBatchNorm = false
  /// Whether fake-quantizers round. While they do not, their observers go on.
  public var quantizes = true
  /// Whether observed ranges stay as they are.
  public var freezesObservers = false
  /// What factors of products are rounded to, forward and backward; sums are float32.
  public var matmulPrecision = MatMulPrecision.f32
  /// 0 for one on each core that the process may use. Results do not depend on it.
  public var threads = 0

  public init() {}

  /// The settings that decide results, as text.
  var text: String {
    "loss=\(loss.text) output=\(output) optimizer=\(optimizer.optimizer?.text ?? optimizer.text) "
      + "clip-norm=\(clipNorm) clip-value=\(clipValue)"
      + (matmulPrecision == .f32 ? "" : " matmul-precision=\(matmulPrecision.rawValue)")
  }
}
