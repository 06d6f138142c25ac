internal import CQATKernels
import QATCore

/// Loops over float tensors of one shape.
public enum FloatLoops {
  public enum Binary: Sendable {
    case add, subtract, multiply, divide, minimum, maximum, power
    /// The second operand is the slope where the first is below 0.
    case prelu
  }
  /// Functions of one float; what they compute to which precision stands with the C functions.
  public enum Unary: Sendable {
    case relu, abs, negate, sqrt, reciprocal, floor, ceil, round, exp, log, sigmoid, tanh, erf
    case gelu, geluTanh, hardSwish, mish, softplus, sin, cos
    case swish(alpha: Float)
    /// Multiples of `exp(x) - 1` below 0 and of `x` above.
    case elu(below: Float, above: Float)
    case leakyRelu(slope: Float)
    case hardSigmoid(alpha: Float, beta: Float)
  }

  /// y = a op b; an operand of one element is used for all.
  public static func binary(_ op: Binary, _ a: TensorView, _ b: TensorView, _ y: MutableTensorView)
  {
    binary(op, a, b, y, BroadcastRows(a, b, y))
  }

  /// y = a op b, row by row.
  public static func binary(
    _ op: Binary, _ a: TensorView, _ b: TensorView, _ y: MutableTensorView, _ rows: BroadcastRows
  ) {
    let code: qat_binary =
      switch op {
      case .add: QAT_ADD
      case .subtract: QAT_SUBTRACT
      case .multiply: QAT_MULTIPLY
      case .divide: QAT_DIVIDE
      case .minimum: QAT_MINIMUM
      case .maximum: QAT_MAXIMUM
      case .power: QAT_POWER
      case .prelu: QAT_PRELU
      }
    precondition(a.element == .f32 && b.element == .f32 && y.element == .f32, "float operands")
    unsafe rows.forEach(a, b, y) { a, b, y in
      // SAFETY: a row lies inside its views, of floats as checked.
      unsafe qat_binary_f32(
        code, Int64(rows.length), a.assumingMemoryBound(to: Float.self), rows.moves.a ? 1 : 0,
        b.assumingMemoryBound(to: Float.self), rows.moves.b ? 1 : 0,
        y.assumingMemoryBound(to: Float.self))
    }
  }

  public static func unary(_ op: Unary, _ x: TensorView, _ y: MutableTensorView) {
    precondition(x.count == y.count)
    let (code, p, q): (qat_unary, Float, Float) =
      switch op {
      case .relu: (QAT_RELU, 0, 0)
      case .abs: (QAT_ABS, 0, 0)
      case .negate: (QAT_NEGATE, 0, 0)
      case .sqrt: (QAT_SQRT, 0, 0)
      case .reciprocal: (QAT_RECIPROCAL, 0, 0)
      case .floor: (QAT_FLOOR, 0, 0)
      case .ceil: (QAT_CEIL, 0, 0)
      case .round: (QAT_ROUND, 0, 0)
      case .exp: (QAT_EXP, 0, 0)
      case .log: (QAT_LOG, 0, 0)
      case .sigmoid: (QAT_SIGMOID, 0, 0)
      case .tanh: (QAT_TANH, 0, 0)
      case .erf: (QAT_ERF, 0, 0)
      case .gelu: (QAT_GELU, 0, 0)
      case .geluTanh: (QAT_GELU_TANH, 0, 0)
      case .hardSwish: (QAT_HARD_SWISH, 0, 0)
      case .mish: (QAT_MISH, 0, 0)
      case .softplus: (QAT_SOFTPLUS, 0, 0)
      case .sin: (QAT_SIN, 0, 0)
      case .cos: (QAT_COS, 0, 0)
      case .swish(let alpha): (QAT_SWISH, alpha, 0)
      case .elu(let below, let above): (QAT_ELU, below, above)
      case .leakyRelu(let slope): (QAT_LEAKY_RELU, slope, 0)
      case .hardSigmoid(let alpha, let beta): (QAT_HARD_SIGMOID, alpha, beta)
      }
    // SAFETY: sizes were checked.
    unsafe qat_unary_f32(code, Int64(y.count), x.pointer(Float.self), p, q, y.pointer(Float.self))
  }

  /// y = min(max(x, low), high).
  public static func clip(_ x: TensorView, low: Float, high: Float, _ y: MutableTensorView) {
    precondition(x.count == y.count)
    // SAFETY: sizes were checked.
    unsafe qat_unary_f32(
      QAT_CLIP, Int64(y.count), x.pointer(Float.self), low, high, y.pointer(Float.self))
  }

  /// dx = dy where low <= x <= high, else 0.
  public static func clipGradient(
    dy: TensorView, x: TensorView, low: Float, high: Float, dx: MutableTensorView
  ) {
    precondition(dy.count == dx.count && x.count == dx.count)
    // SAFETY: sizes were checked.
    unsafe qat_unary_gradient_f32(
      QAT_CLIP, Int64(dx.count), x.pointer(Float.self), x.pointer(Float.self),
      dy.pointer(Float.self), low, high, dx.pointer(Float.self))
  }

  /// dx = dy where y > 0, else 0.
  public static func reluGradient(dy: TensorView, y: TensorView, dx: MutableTensorView) {
    precondition(dy.count == dx.count && y.count == dx.count)
    // SAFETY: sizes were checked.
    unsafe qat_unary_gradient_f32(
      QAT_RELU, Int64(dx.count), y.pointer(Float.self), y.pointer(Float.self),
      dy.pointer(Float.self), 0, 0, dx.pointer(Float.self))
  }

  /// Sums of dy [outer][channels][inner] over all but the channels.
  public static func channelSums(
    _ dy: TensorView, outer: Int, channels: Int, inner: Int, _ result: MutableTensorView,
    _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    precondition(dy.count == outer * channels * inner && result.count == channels)
    precondition(scratch.byteCount >= outer * channels * 4)
    // SAFETY: sizes were checked.
    unsafe qat_reduce_f32(
      QAT_SUM, Int64(outer * channels), Int64(inner), 1, dy.pointer(Float.self),
      scratch.base.assumingMemoryBound(to: Float.self), pool.pool)
    unsafe qat_reduce_f32(
      QAT_SUM, 1, Int64(outer), Int64(channels), scratch.base.assumingMemoryBound(to: Float.self),
      result.pointer(Float.self), pool.pool)
  }

  /// The lowest and highest value; `nil` where a value is NaN or infinite.
  public static func range(_ x: TensorView) -> (low: Float, high: Float)? {
    var low: Float = 0, high: Float = 0
    // SAFETY: the view holds `count` floats.
    let finite = unsafe qat_range_f32(Int64(x.count), x.pointer(Float.self), &low, &high)
    return finite ? (low, high) : nil
  }

  /// The sum of squares, in an order that depends on the length alone.
  public static func sumOfSquares(_ x: TensorView) -> Float {
    unsafe qat_sum_squares_f32(Int64(x.count), x.pointer(Float.self))
  }

  /// A float of a view.
  public static func scalar(_ x: TensorView) -> Float { unsafe x.pointer(Float.self)[0] }
  /// A 32-bit integer of a view.
  public static func code(_ x: TensorView) -> Int32 { unsafe x.pointer(Int32.self)[0] }
  /// A 64-bit integer of a view.
  public static func integer(_ x: TensorView) -> Int { unsafe Int(x.pointer(Int64.self)[0]) }
  public static func setInteger(_ number: Int, _ y: MutableTensorView) {
    unsafe y.pointer(Int64.self)[0] = Int64(number)
  }
}

extension FloatLoops {
  /// y = old * share + new * (1 - share).
  public static func blend(
    _ old: TensorView, _ new: TensorView, share: Float, _ y: MutableTensorView
  ) {
    precondition(old.count == y.count && new.count == y.count)
    // SAFETY: sizes were checked.
    let a = unsafe old.pointer(Float.self), b = unsafe new.pointer(Float.self)
    let target = unsafe y.pointer(Float.self)
    for i in 0..<y.count { unsafe target[i] = a[i] * share + b[i] * (1 - share) }
  }
}
