import QATCore
import QATIR

extension RecurrentActivation {
  /// The function of x kept inside -clip...clip, and its slope by x.
  func evaluated<T: ReferenceFloat>(_ x: T, clip: T?) -> (value: T, slope: T) {
    guard let clip, abs(x) > clip else { return evaluated(x) }
    return (evaluated(x < 0 ? -clip : clip).value, 0)
  }

  private func evaluated<T: ReferenceFloat>(_ x: T) -> (value: T, slope: T) {
    let alpha = T(alpha), beta = T(beta)
    switch kind {
    case .affine: return (alpha * x + beta, alpha)
    case .elu: return x < 0 ? (alpha * (T.exp(x) - 1), alpha * T.exp(x)) : (x, 1)
    case .hardSigmoid:
      let line = alpha * x + beta
      return (min(max(line, 0), 1), line > 0 && line < 1 ? alpha : 0)
    case .leakyRelu: return x < 0 ? (alpha * x, alpha) : (x, 1)
    case .relu: return x > 0 ? (x, 1) : (0, 0)
    case .scaledTanh:
      let y = T.tanh(beta * x)
      return (alpha * y, alpha * beta * (1 - y * y))
    case .sigmoid:
      let y = 1 / (1 + T.exp(-x))
      return (y, y * (1 - y))
    case .softplus:
      return (max(x, 0) + T.log(1 + T.exp(-abs(x))), 1 / (1 + T.exp(-x)))
    case .softsign:
      let scale = 1 + abs(x)
      return (x / scale, 1 / (scale * scale))
    case .tanh:
      let y = T.tanh(x)
      return (y, 1 - y * y)
    case .thresholdedRelu: return x > alpha ? (x, 1) : (0, 0)
    }
  }
}
