import QATCore
import QATIR

extension KernelCase {
  static let pools: [KernelCase] = [
    ([2, 2], [2, 2], [0, 0, 0, 0]), ([3, 3], [2, 2], [1, 1, 1, 1]),
    ([3, 2], [1, 3], [1, 0, 1, 1]),
  ].flatMap { kernel, strides, pads in
    [false, true].flatMap { counts in
      var average = AveragePool()
      average.window = window(kernel, strides, pads)
      average.countIncludePad = counts
      var maximum = MaxPool()
      maximum.window = window(kernel, strides, pads)
      return [
        KernelCase(op: average, operands: [floats([2, 3, 9, 8])], tolerance: 1e-6),
        KernelCase(op: maximum, operands: [floats([2, 3, 9, 8])]),
      ]
    }
  }

  /// Images with channels last: what the operation gives on images with channels first, turned.
  static let channelsLast: [KernelCase] = {
    let x = floats([2, 9, 8, 5]), dy = floats([2, 5, 4, 7], -1, 1), w = floats([7, 5, 3, 3], -1, 1)
    let other = AnyTensor(shape: [2, 9, 8, 5], numbers(720, 77).map { Float($0) })
    let conv = Conv(window([3, 3], [2, 2], [1, 1, 1, 1]), group: 1)
    let gradient = (conv.window, conv.group)
    let channel = [floats([5], 0.5, 2), floats([5]), floats([5]), floats([5], 0.5, 2)]
    let pooled = floats([2, 4, 4, 5], -1, 1)
    var training = BatchNormalization()
    training.trainingMode = true
    var average = AveragePool(), maximum = MaxPool()
    average.window = window([3, 2], [2, 2], [0, 0, 0, 0])
    maximum.window = average.window
    return [
      KernelCase(op: Nhwc(conv), operands: [x, w, floats([7])], tolerance: 1e-6),
      KernelCase(
        op: Nhwc(conv), operands: [x, w, floats([7])], inputs: [0, 1, 2], tolerance: 1e-6),
      KernelCase(
        op: Nhwc(ConvInputGradient(gradient.0, group: gradient.1)), operands: [dy, w, x],
        inputs: [0, 1, 2], tolerance: 1e-6),
      KernelCase(
        op: Nhwc(ConvWeightGradient(gradient.0, group: gradient.1)), operands: [dy, x, w],
        inputs: [0, 1, 2], tolerance: 1e-6),
      KernelCase(op: Nhwc(BatchNormalization()), operands: [x] + channel, tolerance: 1e-6),
      KernelCase(op: Nhwc(training), operands: [x] + channel, results: 3, tolerance: 1e-6),
      KernelCase(
        op: Nhwc(BatchNormalizationGradient(epsilon: 1e-5)), operands: [other, x, channel[0]],
        inputs: [0, 1], results: 3, tolerance: 1e-5),
      KernelCase(op: Nhwc(maximum), operands: [x]),
      KernelCase(
        op: Nhwc(MaxPoolGradient(maximum)), operands: [pooled, x], inputs: [0, 1], tolerance: 1e-6),
      KernelCase(op: Nhwc(average), operands: [x], tolerance: 1e-6),
      KernelCase(
        op: Nhwc(AveragePoolGradient(average)), operands: [pooled, x], inputs: [0, 1],
        tolerance: 1e-6),
      KernelCase(op: Nhwc(GlobalAveragePool()), operands: [x], tolerance: 1e-6),
      KernelCase(
        op: Nhwc(GlobalAveragePoolGradient()), operands: [floats([2, 1, 1, 5]), x], inputs: [0, 1],
        tolerance: 1e-6),
      KernelCase(op: Transpose(perm: [0, 2, 3, 1]), operands: [floats([2, 17, 5, 7])]),
      KernelCase(op: Transpose(perm: [0, 3, 1, 2]), operands: [floats([2, 5, 7, 17])]),
      KernelCase(op: Transpose(perm: [1, 0]), operands: [floats([33, 18])]),
    ]
  }()
}
