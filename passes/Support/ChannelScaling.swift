import QATCore
import QATIR
import QATRewrite

/// A product whose result channels scale with slices of its weight.
protocol ScalesByChannel: Operation {
  /// The weight with the slices of each result channel times that channel's factor.
  func scaled(_ weight: Term, of shape: Shape, by factors: Term) -> Term
  /// The axis of the weight that is the result's channel, where one axis is.
  var channelAxis: Int? { get }
}

extension Conv: ScalesByChannel {
  var channelAxis: Int? { 0 }
  func scaled(_ weight: Term, of shape: Shape, by factors: Term) -> Term {
    weight.scaled(by: factors, along: 0)
  }
}

extension Gemm: ScalesByChannel {
  var channelAxis: Int? { transB ? 0 : 1 }
  func scaled(_ weight: Term, of shape: Shape, by factors: Term) -> Term {
    weight.scaled(by: factors, along: transB ? 0 : 1)
  }
}

extension ConvTranspose: ScalesByChannel {
  var channelAxis: Int? { group == 1 ? 1 : nil }
  /// The weight is [C, M/group, ...]; seen as [group, C/group, M/group, ...] it scales along two axes.
  func scaled(_ weight: Term, of shape: Shape, by factors: Term) -> Term {
    if group == 1 { return weight.scaled(by: factors, along: 1) }
    let sizes = shape.sizes ?? []
    let spatial = Array(sizes.dropFirst(2))
    return Term { builder in
      let w = weight.emit(in: &builder), k = factors.emit(in: &builder)
      let split = builder.integers([group, sizes[0] / group, sizes[1]] + spatial)
      let along = builder.integers([group, 1, sizes[1]] + spatial.map { _ in 1 })
      let product = builder.emit(
        Mul(), [builder.emit(Reshape(), [w, split]), builder.emit(Reshape(), [k, along])])
      return builder.emit(Reshape(), [product, builder.integers(sizes)])
    }
  }
}

extension Graph {
  /// Whether a product is quantized in a way that folding a batch-norm into it can't keep the codes of
  /// its weight: folding then has to come before quantizing.
  func losesCodes(_ product: NodeID) -> Bool {
    guard let weights = LayerSettings(metadata: self[product].metadata)?.weights else {
      return false
    }
    if self[product].op is ConvTranspose { return true }
    // Scales that are powers of two are none any more when a batch-norm is folded in.
    return !(weights.isPerChannel && weights.isSymmetric && weights.grid.isNegatable)
      || weights.powerOfTwo
  }
}
