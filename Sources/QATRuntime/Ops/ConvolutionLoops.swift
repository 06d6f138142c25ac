import QATCore
import QATIR

/// The loops that a convolution, a transposed convolution and their gradients share: they differ
/// only in which of the three tensors they sum into.
///
///     large [N, G*C, spatial...]   small [N, G*M, spatial...]   weights [G*M, C, kernel...]
///
/// A convolution reads `large` and sums into `small`; a transposed one the other way round.
struct ConvolutionLoops {
  let batch: Int, groups: Int
  /// Channels of each side within a group.
  let largeChannels: Int, smallChannels: Int
  let largePositions: Int, smallPositions: Int, kernelPositions: Int
  let taps: [SpatialTap]

  /// - Parameters:
  ///   - weights: the shape of the weights.
  ///   - axes: `input` is the large side, `output` the small one.
  init(batch: Int, weights: [Int], groups: Int, axes: [WindowAxis]) {
    self.batch = batch
    self.groups = groups
    smallChannels = weights[0] / groups
    largeChannels = weights[1]
    largePositions = axes.reduce(1) { $0 * $1.input }
    smallPositions = axes.reduce(1) { $0 * $1.output }
    kernelPositions = axes.reduce(1) { $0 * $1.kernel }
    taps = spatialTaps(axes)
  }

  /// Calls `body` with the offsets of the three elements of every product.
  @inline(__always)
  func visit(_ body: (_ large: Int, _ small: Int, _ weight: Int) -> Void) {
    for image in 0..<batch {
      for group in 0..<groups {
        for m in 0..<smallChannels {
          let smallChannel = group * smallChannels + m
          let small = (image * groups * smallChannels + smallChannel) * smallPositions
          for c in 0..<largeChannels {
            let largeChannel = (image * groups + group) * largeChannels + c
            let large = largeChannel * largePositions
            let weight = (smallChannel * largeChannels + c) * kernelPositions
            for tap in taps {
              body(large + tap.input, small + tap.output, weight + tap.kernel)
            }
          }
        }
      }
    }
  }
}

extension ConvolutionLoops {
  /// Of a convolution with an input and weights of these shapes.
  init(_ window: WindowAttributes, group: Int, input: [Int], weights: [Int]) {
    let axes = window.resolved(input: Array(input[2...]), kernel: Array(weights[2...]))
    self.init(batch: input[0], weights: weights, groups: group, axes: axes)
  }

  /// Of a transposed convolution with an input and weights of these shapes.
  init(_ op: ConvTranspose, input: [Int], weights: [Int]) {
    let axes = op.window.transposed(
      input: Array(input[2...]), kernel: Array(weights[2...]), outputPadding: op.outputPadding,
      outputShape: op.outputShape)
    self.init(batch: input[0], weights: weights, groups: op.group, axes: axes)
  }
}

/// A tensor [N, C, ...] that holds a bias per channel, or zeros where there is none.
func broadcastBias<T: TensorScalar>(_ bias: Tensor<T>?, to shape: [Int]) -> Tensor<T> {
  var result = Tensor<T>(shape: shape)
  guard let bias else { return result }
  let positions = shape[2...].reduce(1, *)
  for index in 0..<result.count {
    result.elements[index] = bias.elements[index / positions % shape[1]]
  }
  return result
}
