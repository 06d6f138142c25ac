import QATCore
import QATIR
import QATRuntime
import Testing

@Suite("Gradients, against central differences")
struct ElementwiseGradientTests {
  @Test("of functions of one number")
  func unary() throws {
    let ops: [any Operation] = [
      Neg(), Abs(), Exp(), Erf(), Relu(), LeakyRelu(alpha: 0.1), Sigmoid(),
      HardSigmoid(alpha: 0.4, beta: 0.5), HardSwish(), Tanh(), Gelu(), Gelu(approximate: "tanh"),
      Identity(), Elu(), Selu(), Celu(), Softplus(), Softsign(), Mish(), Swish(), ThresholdedRelu(),
      Sin(), Cos(), Tan(), Atan(), Sinh(), Cosh(), Asinh(),
    ]
    for op in ops { try checkGradients(of: op, [numbers([3, 5])]) }
    for op in [Asin(), Acos(), Atanh()] as [any Operation] {
      try checkGradients(of: op, [numbers([3, 5], scale: 0.4)])
    }
    try checkGradients(of: Acosh(), [numbers([3, 5], scale: 0.4, offset: 2)])
    var elu = Elu(), celu = Celu(), swish = Swish()
    (elu.alpha, celu.alpha, swish.alpha) = (0.7, 1.3, 1.7)
    for op in [elu, celu, swish] as [any Operation] {
      try checkGradients(of: op, [numbers([3, 5])])
    }
    for op in [Sqrt(), Log(), Reciprocal()] as [any Operation] {
      try checkGradients(of: op, [positives([3, 5])])
    }
    try checkGradients(of: HardSwish(), [numbers([3, 5], scale: 3)])
  }

  @Test(
    "of arithmetic, with every kind of broadcasting",
    arguments: [
      ([2, 3], [2, 3]), ([2, 3], [3]), ([3], [2, 3]), ([2, 1, 3], [4, 1]), ([2, 3], []),
      ([], [2]),
    ])
  func binary(_ a: [Int], _ b: [Int]) throws {
    for op in [Add(), Sub(), Mul()] as [any Operation] {
      try checkGradients(of: op, [numbers(a, 1), numbers(b, 2)])
    }
    for op in [Div(), Pow()] as [any Operation] {
      try checkGradients(of: op, [positives(a, 1), positives(b, 2)])
    }
    for op in [Mod(), Mod(truncates: true)] {
      try checkGradients(of: op, [numbers(a, 1, scale: 3), positives(b, 2)])
    }
    for op in [Max(), Min(), Sum(), Mean()] as [any Operation] {
      try checkGradients(of: op, [numbers(a, 1), numbers(b, 5), numbers(a, 9)])
    }
  }

  @Test("of a square, at negative numbers and by an integer exponent")
  func square() throws {
    try checkGradients(of: Pow(), [numbers([7]), AnyTensor(2.0)], checking: [0])
    try checkGradients(of: Pow(), [numbers([7]), AnyTensor(Int64(3))], checking: [0])
  }

  @Test("of a clip and of its bounds")
  func clip() throws {
    let x = numbers([2, 9])
    try checkGradients(of: Clip(), [x, AnyTensor(-0.7), AnyTensor(1.1)])
    try checkGradients(of: Clip(), [x, nil, AnyTensor(1.1)])
    try checkGradients(of: Clip(), [x])
  }

  @Test("of a slope below 0", arguments: [[], [4], [3, 1], [2, 3, 4]])
  func slope(_ slope: [Int]) throws {
    try checkGradients(of: PRelu(), [numbers([2, 3, 4]), numbers(slope, 3)])
  }

  @Test("of a choice")
  func choose() throws {
    let condition = AnyTensor(shape: [3], [true, false, true])
    try checkGradients(of: Where(), [condition, numbers([2, 3], 1), numbers([2, 1], 2)])
  }

  @Test("of softmax and its logarithm along every axis", arguments: [-1, 0, 1])
  func softmax(_ axis: Int) throws {
    try checkGradients(of: Softmax(axis: axis), [numbers([2, 3, 4])])
    try checkGradients(of: LogSoftmax(axis: axis), [numbers([2, 3, 4])])
  }

  @Test("of batch normalization, with the batch's and with fixed statistics")
  func batchNormalization() throws {
    let operands = [
      numbers([3, 2, 2, 2]), positives([2], 2), numbers([2], 3), numbers([2], 4),
      positives([2], 5),
    ]
    try checkGradients(
      of: BatchNormalization(epsilon: 1e-3, trainingMode: true), operands, results: 3,
      checking: [0, 1, 2])
    try checkGradients(of: BatchNormalization(epsilon: 1e-3), operands, checking: [0, 1, 2])
  }

  @Test("of layer normalization")
  func layerNormalization() throws {
    let x = numbers([2, 3, 4])
    try checkGradients(of: LayerNormalization(axis: -1), [x, positives([4]), numbers([4])])
    try checkGradients(of: LayerNormalization(axis: 1), [x, positives([3, 4]), numbers([4])])
    try checkGradients(of: LayerNormalization(axis: 0), [x, positives([4])])
  }

  @Test("of reductions, over some axes, all and none", arguments: [true, false])
  func reductions(_ keep: Bool) throws {
    let axes: [AnyTensor?] = [
      nil, AnyTensor(shape: [1], [Int64(-1)]), AnyTensor(shape: [2], [Int64(0), 2]),
    ]
    for axes in axes {
      let operands = [numbers([2, 3, 4]), axes]
      let ops: [any Operation] = [
        ReduceSum(keepDimensions: keep), ReduceMean(keepDimensions: keep),
        ReduceMax(keepDimensions: keep), ReduceMin(keepDimensions: keep),
        ReduceMean(keepDimensions: keep, noopWithEmptyAxes: true),
        ReduceL1(keepDimensions: keep), ReduceL2(keepDimensions: keep),
        ReduceLogSumExp(keepDimensions: keep), ReduceSumSquare(keepDimensions: keep),
        ReduceL2(keepDimensions: keep, noopWithEmptyAxes: true),
      ]
      for op in ops { try checkGradients(of: op, operands) }
      let positive = [positives([2, 3, 4]), axes]
      try checkGradients(of: ReduceLogSum(keepDimensions: keep), positive)
      try checkGradients(of: ReduceProd(keepDimensions: keep), [numbers([2, 2, 3], 4), axes])
    }
  }

  @Test("of a product where one factor is 0, and where two are")
  func zeroFactors() throws {
    let x = AnyTensor(shape: [3, 4], [1.5, 0, -2, 3, 0, 2, 0, 1, 1, 2, 3, 4] as [Double])
    try checkGradients(of: ReduceProd(), [x, AnyTensor(shape: [1], [Int64(1)])])
    try checkGradients(of: ReduceProd(), [x, AnyTensor(shape: [1], [Int64(0)])])
  }

  @Test("of the best elements, and of sums up to each", arguments: [-1, 0, 1])
  func alongAxis(_ axis: Int) throws {
    let x = numbers([3, 4, 5]), k = AnyTensor(shape: [1], [Int64(2)])
    for largest in [true, false] {
      try checkGradients(of: TopK(axis: axis, largest: largest), [x, k])
      try checkGradients(of: TopK(axis: axis, largest: largest), [x, k], results: 2)
    }
    for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
      try checkGradients(
        of: CumSum(exclusive: exclusive, reverse: reverse), [x, AnyTensor(Int64(axis))])
    }
  }

  @Test("of expanding, and of dropping while training")
  func others() throws {
    try checkGradients(of: Expand(), [numbers([3, 1]), AnyTensor(shape: [3], [Int64(2), 1, 4])])
    try checkGradients(of: ExpandLike(), [numbers([3, 1]), numbers([2, 3, 4])], checking: [0])
    try checkGradients(
      of: Dropout(seed: 3), [numbers([4, 5]), AnyTensor(0.4), AnyTensor(true)], checking: [0])
  }

  @Test("of losses")
  func losses() throws {
    let targets = numbers([3, 4], 3, scale: 0.2, offset: 0.5)
    let ops: [any Operation] = [MeanSquaredError(), MeanAbsoluteError(), BinaryCrossEntropy()]
    for op in ops { try checkGradients(of: op, [numbers([3, 4]), targets]) }
    let labels = AnyTensor(shape: [3], [Int64(1), 0, 3])
    try checkGradients(of: SoftmaxCrossEntropy(), [numbers([3, 4]), labels])
    try checkGradients(
      of: SoftmaxCrossEntropy(), [numbers([3, 4]), labels, positives([4])], checking: [0])
    let map = AnyTensor(shape: [2, 2], [Int64(1), 0, 2, 2])
    try checkGradients(of: SoftmaxCrossEntropy(), [numbers([2, 3, 2]), map])
  }
}
