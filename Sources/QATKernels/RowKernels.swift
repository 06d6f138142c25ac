internal import CQATKernels
import QATCore

/// Functions of the rows of a matrix of floats.
public enum RowKernels {
  public enum Normalizer: Sendable { case softmax, logSoftmax }

  /// exp(x - max) / sum of each row, or its logarithm.
  public static func normalize(
    _ kind: Normalizer, columns: Int, x: TensorView, y: MutableTensorView, _ pool: ThreadPool
  ) {
    precondition(columns > 0 && x.count == y.count && x.count % columns == 0)
    let rows = Int64(x.count / columns)
    // SAFETY: sizes were checked.
    switch kind {
    case .softmax:
      unsafe qat_softmax_f32(
        rows, Int64(columns), x.pointer(Float.self), y.pointer(Float.self), pool.pool)
    case .logSoftmax:
      unsafe qat_log_softmax_f32(
        rows, Int64(columns), x.pointer(Float.self), y.pointer(Float.self), pool.pool)
    }
  }

  /// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, of each row; without gamma it is 1.
  /// - Parameters:
  ///   - mean, inverse: of each row, and 1 / sqrt(variance + epsilon), where wanted.
  public static func layerNorm(
    columns: Int, x: TensorView, gamma: TensorView?, beta: TensorView?, epsilon: Float,
    y: MutableTensorView, mean: MutableTensorView? = nil, inverse: MutableTensorView? = nil,
    _ pool: ThreadPool
  ) {
    let rows = check(columns, x, y, gamma)
    precondition((beta?.count ?? columns) == columns && (gamma != nil || beta == nil))
    precondition((mean?.count ?? rows) == rows && (inverse?.count ?? rows) == rows)
    // SAFETY: sizes were checked.
    unsafe qat_layernorm_f32(
      Int64(rows), Int64(columns), x.pointer(Float.self), gamma?.pointer(Float.self),
      beta?.pointer(Float.self), epsilon, y.pointer(Float.self), mean?.pointer(Float.self),
      inverse?.pointer(Float.self), pool.pool)
  }

  /// The gradients of `layerNorm` by x, and by gamma where wanted; both rows' statistics are scratch
  /// memory of a float each.
  public static func layerNormGradient(
    columns: Int, dy: TensorView, x: TensorView, gamma: TensorView?, epsilon: Float,
    dx: MutableTensorView, dgamma: MutableTensorView?, mean: MutableTensorView,
    inverse: MutableTensorView, _ pool: ThreadPool
  ) {
    precondition(dy.count == x.count && (dgamma?.count ?? columns) == columns)
    layerNorm(
      columns: columns, x: x, gamma: nil, beta: nil, epsilon: epsilon, y: dx, mean: mean,
      inverse: inverse, pool)
    // SAFETY: sizes were checked, here and in `layerNorm`.
    unsafe qat_layernorm_f32_gradient(
      Int64(x.count / columns), Int64(columns), dy.pointer(Float.self), x.pointer(Float.self),
      gamma?.pointer(Float.self), mean.pointer(Float.self), inverse.pointer(Float.self),
      dx.pointer(Float.self), dgamma?.pointer(Float.self), nil, pool.pool)
  }

  /// y = x / sqrt(mean of x² + epsilon) * gamma, of each row.
  public static func rmsNorm(
    columns: Int, x: TensorView, gamma: TensorView, epsilon: Float, y: MutableTensorView,
    _ pool: ThreadPool
  ) {
    let rows = check(columns, x, y, gamma)
    // SAFETY: sizes were checked.
    unsafe qat_rmsnorm_f32(
      Int64(rows), Int64(columns), x.pointer(Float.self), gamma.pointer(Float.self), epsilon,
      y.pointer(Float.self), pool.pool)
  }

  /// Groups of neighbouring channels of x [batch][channels][inner], normalized like rows, with a
  /// scale and a bias of each channel.
  public static func groupNorm(
    batch: Int, groups: Int, channels: Int, inner: Int, x: TensorView, scale: TensorView,
    bias: TensorView, epsilon: Float, y: MutableTensorView, _ pool: ThreadPool
  ) {
    precondition(x.count == batch * channels * inner && y.count == x.count)
    precondition(scale.count == channels && bias.count == channels && channels % groups == 0)
    // SAFETY: sizes were checked.
    unsafe qat_groupnorm_f32(
      Int64(batch), Int64(groups), Int64(channels / groups), Int64(inner), x.pointer(Float.self),
      scale.pointer(Float.self), bias.pointer(Float.self), epsilon, y.pointer(Float.self), pool.pool
    )
  }

  /// How many rows there are.
  private static func check(
    _ columns: Int, _ x: TensorView, _ y: MutableTensorView, _ gamma: TensorView?
  ) -> Int {
    precondition(columns > 0 && x.count == y.count && x.count % columns == 0)
    precondition((gamma?.count ?? columns) == columns)
    return x.count / columns
  }

  /// y = x / (bias + share * the sum of squares)^beta of x [batch, channels, inner]: the sum is
  /// over the channels from `before` in front of the own one to `behind` behind it.
  public static func localResponse(
    _ shape: (batch: Int, channels: Int, inner: Int), before: Int, behind: Int, share: Float,
    beta: Float, bias: Float, x: TensorView, y: MutableTensorView, _ pool: ThreadPool
  ) {
    precondition(x.count == y.count && x.count == shape.batch * shape.channels * shape.inner)
    // SAFETY: sizes were checked.
    unsafe qat_lrn_f32(
      Int64(shape.batch), Int64(shape.channels), Int64(shape.inner), Int64(before), Int64(behind),
      share, beta, bias, x.pointer(Float.self), y.pointer(Float.self), pool.pool)
  }

  public enum Reduction: Sendable { case sum, mean, min, max, sumOfSquares }

  /// y[outer][inner] from x[outer][axis][inner].
  public static func reduce(
    _ kind: Reduction, outer: Int, axis: Int, inner: Int, x: TensorView, y: MutableTensorView,
    _ pool: ThreadPool
  ) {
    precondition(x.count == outer * axis * inner && y.byteCount >= outer * inner * 4)
    let code: qat_reduction =
      switch kind {
      case .sum: QAT_SUM
      case .mean: QAT_MEAN
      case .min: QAT_MIN
      case .max: QAT_MAX
      case .sumOfSquares: QAT_SUM_SQUARES
      }
    // SAFETY: sizes were checked.
    unsafe qat_reduce_f32(
      code, Int64(outer), Int64(axis), Int64(inner), x.pointer(Float.self),
      y.base.assumingMemoryBound(to: Float.self), pool.pool)
  }

  /// Where along the axis of x[outer][axis][inner] the largest or smallest elements stand; of those
  /// that tie the first, or the last.
  public static func indicesOfExtrema(
    smallest: Bool, last: Bool, outer: Int, axis: Int, inner: Int, x: TensorView,
    indices: MutableTensorView
  ) {
    precondition(axis > 0 && x.count == outer * axis * inner && indices.count == outer * inner)
    // SAFETY: sizes were checked.
    unsafe qat_arg_extremum_f32(
      smallest, last, Int64(outer), Int64(axis), Int64(inner), x.pointer(Float.self),
      indices.pointer(Int64.self))
  }

  /// The `k` largest, or smallest, elements along the axis of x[outer][axis][inner], in order, and where
  /// they stand: [outer][k][inner] both. Of those that tie the first comes first.
  public static func top(
    _ k: Int, largest: Bool, outer: Int, axis: Int, inner: Int, x: TensorView,
    values: MutableTensorView?, indices: MutableTensorView, _ pool: ThreadPool
  ) {
    precondition((0...axis).contains(k) && x.count == outer * axis * inner)
    precondition(indices.byteCount >= outer * k * inner * 8)
    precondition((values?.count ?? outer * k * inner) == outer * k * inner)
    // SAFETY: sizes were checked.
    unsafe qat_top_f32(
      Int64(outer), Int64(axis), Int64(inner), Int64(k), largest, x.pointer(Float.self),
      values?.pointer(Float.self), indices.base.assumingMemoryBound(to: Int64.self), pool.pool)
  }

  /// Every element of a row takes the row's value in `values`, times a factor.
  public static func spread(
    _ values: TensorView, times factor: Float, columns: Int, y: MutableTensorView,
    _ pool: ThreadPool
  ) {
    precondition(y.count == values.count * columns)
    // SAFETY: sizes were checked.
    let source = unsafe values.pointer(Float.self), target = unsafe y.pointer(Float.self)
    pool.share(values.count, by: ThreadPool.rows(of: columns)) { rows in
      for row in rows {
        unsafe qat_fill_f32(Int64(columns), source[row] * factor, target + row * columns)
      }
    }
  }

  /// The gradient of `normalize` by x.
  /// - Parameter y: what it computed.
  public static func normalizeGradient(
    _ kind: Normalizer, columns: Int, dy: TensorView, y: TensorView, dx: MutableTensorView,
    _ pool: ThreadPool
  ) {
    precondition(columns > 0 && dx.count % columns == 0)
    precondition(dy.count == dx.count && y.count == dx.count)
    // SAFETY: sizes were checked; parts are of whole rows.
    let (from, result) = unsafe (dy.pointer(Float.self), y.pointer(Float.self))
    let to = unsafe dx.pointer(Float.self)
    pool.share(dx.count / columns, by: ThreadPool.rows(of: columns)) { rows in
      let start = rows.lowerBound * columns, count = Int64(rows.count), width = Int64(columns)
      switch kind {
      case .softmax:
        unsafe qat_softmax_f32_gradient(count, width, result + start, from + start, to + start)
      case .logSoftmax:
        unsafe qat_log_softmax_f32_gradient(count, width, result + start, from + start, to + start)
      }
    }
  }

  /// The mean over the rows of log(sum of exp(x)) - x[label].
  /// - Parameters:
  ///   - labels: one a row, each in 0..<classes. - scratch: 4 bytes an element and a row.
  public static func crossEntropy(
    classes: Int, x: TensorView, labels: [Int64], loss: MutableTensorView, _ pool: ThreadPool,
    scratch: MutableTensorView
  ) {
    let rows = check(classes, x, labels, scratch)
    let logs = unsafe scratch.base.assumingMemoryBound(to: Float.self)
    // SAFETY: sizes were checked, and labels by the caller.
    unsafe qat_log_softmax_f32(
      Int64(rows), Int64(classes), x.pointer(Float.self), logs, pool.pool)
    unsafe qat_nll_f32(Int64(rows), Int64(classes), logs, labels, -1, logs + x.count)
    unsafe loss.pointer(Float.self)[0] = qat_sum_f32(Int64(rows), logs + x.count) / Float(rows)
  }

  /// The gradient of `seed` times that mean.
  public static func crossEntropyGradient(
    classes: Int, seed: Float, x: TensorView, labels: [Int64], dx: MutableTensorView,
    _ pool: ThreadPool, scratch: MutableTensorView
  ) {
    let rows = check(classes, x, labels, scratch)
    precondition(dx.count == x.count)
    let logs = unsafe scratch.base.assumingMemoryBound(to: Float.self)
    // SAFETY: sizes were checked, and labels by the caller.
    unsafe qat_log_softmax_f32(
      Int64(rows), Int64(classes), x.pointer(Float.self), logs, pool.pool)
    unsafe qat_cross_entropy_f32_gradient(
      Int64(rows), Int64(classes), logs, labels, -1, seed / Float(rows), dx.pointer(Float.self))
  }

  private static func check(
    _ classes: Int, _ x: TensorView, _ labels: [Int64], _ scratch: MutableTensorView
  ) -> Int {
    let rows = labels.count
    precondition(rows > 0 && x.count == rows * classes && scratch.byteCount >= 4 * (x.count + rows))
    return rows
  }
}
