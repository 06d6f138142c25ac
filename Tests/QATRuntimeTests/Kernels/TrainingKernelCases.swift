import QATCore
import QATIR

extension KernelCase {
  /// What a training step computes on codes.
  static let codeForms: [KernelCase] = {
    let window = KernelCase.window([3, 3], [2, 1], [1, 1, 0, 1]), zero = AnyTensor(Int32(7))
    let scale = AnyTensor(Float(0.07)), scales = floats([6], 0.01, 0.02)
    var perChannel = QuantizeWithMask(grid: .int8, axis: 1),
      positive = QuantizeWithMask(grid: .uint8)
    perChannel.axis = 1
    positive.positive = true
    let zeros = AnyTensor(shape: [3], [0, 5, -3] as [Int32])
    let real = floats([2, 3, 37], -12, 12), x = codes([2, 9, 8, 4], .u8),
      w = codes([6, 2, 3, 3], .i8)
    let masked = [
      KernelCase(op: QuantizeWithMask(grid: .int8), operands: [real, scale, zero], results: 2),
      KernelCase(op: positive, operands: [real, scale, zero], results: 2),
      KernelCase(op: perChannel, operands: [real, floats([3], 0.01, 0.2), zeros]),
      KernelCase(op: ApplyMask(), operands: [floats([211]), codes([27], .u8)], inputs: [0, 1]),
      KernelCase(op: DequantizeCodes(axis: nil), operands: [codes([3, 50], .u8), scale, zero]),
      KernelCase(
        op: DequantizeCodes(axis: 1), operands: [codes([2, 3, 5], .i8), floats([3], 1, 2), zeros]),
    ]
    let products = [nil, floats([6])].flatMap { bias in
      [
        KernelCase(
          op: Nhwc(ConvIntegerToFloat(window, group: 2)),
          operands: [x, scale, zero, w, scales, bias],
          inputs: [0, 3, 4]),
        KernelCase(
          op: ConvIntegerToFloat(window, group: 2),
          operands: [codes([2, 4, 9, 8], .i8), scale, zero, w, scale, bias], inputs: [0, 3]),
        KernelCase(
          op: GemmIntegerToFloat(transB: true),
          operands: [codes([5, 37], .u8), scale, zero, codes([6, 37], .i8), scales, bias],
          inputs: [0, 3]),
        KernelCase(
          op: GemmIntegerToFloat(),
          operands: [codes([5, 37], .i8), scale, zero, codes([37, 6], .i8), scale, bias],
          inputs: [0, 2, 3]),
      ]
    }
    let one = KernelCase.window([3, 3], [1, 1], [1, 1, 1, 1]), dy = floats([2, 9, 8, 6])
    let images = codes([2, 9, 8, 17], .i8), gradient = floats([2, 9, 8, 19])
    let gradients = [
      KernelCase(
        op: OfCodes(Nhwc(ConvWeightGradient(one, group: 1))),
        operands: [dy, x, floats([6, 4, 3, 3]), scale, zero], inputs: [0, 1], tolerance: 1e-5),
      KernelCase(
        op: OfCodes(Nhwc(ConvWeightGradient(one, group: 1))),
        operands: [gradient, images, floats([19, 17, 3, 3]), scale, zero], inputs: [0, 1],
        tolerance: 1e-5),
      KernelCase(
        op: OfCodes(Gemm(transA: true)),
        operands: [floats([5, 21]), codes([5, 37], .u8), nil, scale, zero], inputs: [0, 1],
        tolerance: 1e-5),
      KernelCase(
        op: OfCodes(Gemm()),
        operands: [floats([21, 5]), codes([5, 37], .i8), floats([37]), scale, zero], inputs: [1],
        tolerance: 1e-5),
    ]
    return masked + products + gradients + scaleGradients + learnedUpdates
  }()

  /// The derivative by a learned scale, and updates of what has one.
  private static let learnedUpdates: [KernelCase] = {
    var derivative = ScaleDerivative(), sgd = SGD()
    (derivative.grid, derivative.batched) = (.uint8, true)
    (sgd.momentum, sgd.nesterov, sgd.weightDecay) = (0.9, true, 0.01)
    let derivatives = [Float(0.07), 0.002].map { scale in
      KernelCase(
        op: derivative, operands: [floats([3, 37]), AnyTensor(scale), AnyTensor(Int32(7))],
        inputs: [0, 1, 2])
    }
    let updates = [(Int?.none, [Int]()), (0, [5])].map { axis, shape in
      KernelCase(
        op: LearnedSGD(sgd, grid: .int8, axis: axis),
        operands: [
          floats([5, 37]), floats([5, 37]), floats([5, 37]), AnyTensor(Float(0.1)),
          floats(shape, 0.004, 0.02),
          AnyTensor(shape: shape, Array(repeating: Int32(0), count: shape.reduce(1, *))),
        ], results: 3, tolerance: 1e-5)
    }
    return derivatives + updates
  }()

  /// Of learned scales: with elements outside of the grid and without.
  private static let scaleGradients: [KernelCase] = [
    (IntegerGrid.uint8, Int32(7), Float(0.07)), (.uint8, 0, 0.004), (.int8, -3, 0.02),
    (.int8, 0, 0.01),
  ].flatMap { grid, zero, scale in
    [(true, floats([13], 0.01, 0.02)), (false, AnyTensor(Float(0.03)))].map { transB, scales in
      var op = GemmScaleGradient()
      (op.grid, op.transB, op.batched) = (grid, transB, transB)
      return KernelCase(
        op: op,
        operands: [
          floats([5, 13]), codes(transB ? [13, 37] : [37, 13], .i8), scales, floats([5, 37]),
          AnyTensor(scale), AnyTensor(zero),
        ], inputs: [0, 1, 2, 3, 4], tolerance: 1e-4)
    }
  }

  /// What a training step has beside its layers.
  static let training: [KernelCase] = {
    let labels = AnyTensor(shape: [5], [3, 0, 10, 7, 7] as [Int64])
    let logits = floats([5, 11], -9, 9)
    var observe = Observe(.movingAverage, momentum: 0.25)
    let state = [AnyTensor(Float(-1)), AnyTensor(Float(3)), AnyTensor(Int64(2))]
    let perChannel = [floats([3], -3, -1), floats([3], 1, 3), AnyTensor(Int64(1))]
    let followed = KernelCase(op: observe, operands: [floats([2, 3, 7])] + state, results: 3)
    observe.axis = 1
    let conditions = [Int64(4), 5, 6].map {
      KernelCase(
        op: GreaterOrEqual(), operands: [AnyTensor($0), AnyTensor(Int64(5))], inputs: [0, 1])
    }
    let choices = [false, true].flatMap { truth -> [KernelCase] in
      let condition = AnyTensor(truth)
      return [
        KernelCase(
          op: Where(), operands: [condition, floats([7]), AnyTensor(Float(2))], inputs: [0, 1]),
        KernelCase(
          op: Where(), operands: [condition, AnyTensor(Float(2)), floats([7])], inputs: [0, 2]),
      ]
    }
    return conditions + choices + [
      followed,
      KernelCase(op: observe, operands: [floats([2, 3, 7])] + perChannel, results: 3),
      KernelCase(
        op: Observe(.minMax, limit: 2), operands: [floats([2, 3, 7])] + state, inputs: [0, 3],
        results: 3),
      KernelCase(op: SoftmaxCrossEntropy(), operands: [logits, labels], tolerance: 1e-6),
      KernelCase(
        op: SoftmaxCrossEntropyGradient(), operands: [AnyTensor(Float(0.5)), logits, labels],
        inputs: [0, 1], tolerance: 1e-6),
      KernelCase(op: ReduceLike(), operands: [floats([6, 9]), floats([9])], tolerance: 1e-6),
      KernelCase(
        op: ReduceLike(), operands: [floats([3, 1, 4, 5]), floats([1, 4, 5])], tolerance: 1e-6),
      KernelCase(
        op: ScaleFromRange(grid: .uint8, scheme: .asymmetric),
        operands: [floats([7], -3, 0), floats([7], 0, 4)], inputs: [0, 1], results: 2),
      KernelCase(
        op: FakeQuantizeBias(),
        operands: [floats([6]), AnyTensor(Float(0.01)), floats([6], 0.01, 0.02)], inputs: [0, 1, 2]),
      KernelCase(
        op: FoldedBiasRounding(epsilon: 1e-5),
        operands: [
          floats([6], 0.5, 2), floats([6]), floats([6]), floats([6], 0.5, 2),
          AnyTensor(Float(0.01)),
          floats([6], 0.01, 0.02),
        ], inputs: [0, 1]),
    ]
  }()
}
