internal import CQATKernels
import QATCore

/// What a step of SGD does with a gradient.
public struct SGDStep: Sendable {
  public let rate: Float, momentum: Float, weightDecay: Float
  public let nesterov: Bool

  public init(rate: Float, momentum: Float, weightDecay: Float, nesterov: Bool) {
    (self.rate, self.momentum, self.weightDecay) = (rate, momentum, weightDecay)
    self.nesterov = nesterov
  }

  var c: qat_sgd {
    qat_sgd(rate: rate, momentum: momentum, weight_decay: weightDecay, nesterov: nesterov)
  }
}

/// Updates of parameters; new state may lie where the old one does.
public enum OptimizerKernels {
  /// One step of SGD.
  public static func sgd(
    w: TensorView, gradient: TensorView, velocity: TensorView, _ step: SGDStep,
    newW: MutableTensorView, newVelocity: MutableTensorView
  ) {
    for count in [w.count, gradient.count, velocity.count, newVelocity.count] {
      precondition(count == newW.count)
    }
    var step = step.c
    // SAFETY: sizes were checked.
    unsafe qat_sgd_f32(
      Int64(newW.count), &step, gradient.pointer(Float.self), w.pointer(Float.self),
      velocity.pointer(Float.self), newW.pointer(Float.self), newVelocity.pointer(Float.self))
  }

  /// One step of Adam.
  public static func adam(
    w: TensorView, gradient: TensorView, m: TensorView, v: TensorView, step: Int, rate: Float,
    beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float, decoupled: Bool,
    newW: MutableTensorView, newM: MutableTensorView, newV: MutableTensorView
  ) {
    for count in [w.count, gradient.count, m.count, v.count, newM.count, newV.count] {
      precondition(count == newW.count)
    }
    // SAFETY: sizes were checked.
    unsafe qat_adam_f32(
      Int64(newW.count), gradient.pointer(Float.self), Int64(step), rate, beta1, beta2, epsilon,
      weightDecay, decoupled, w.pointer(Float.self), m.pointer(Float.self),
      v.pointer(Float.self), newW.pointer(Float.self), newM.pointer(Float.self),
      newV.pointer(Float.self))
  }
}
