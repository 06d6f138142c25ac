import QATCore
import QATIR
import QATRuntime
import Testing

/// One node: an operation, its operands, and which of them change from run to run.
private struct Case: Sendable, CustomTestStringConvertible {
  let op: any Operation
  let operands: [AnyTensor?]
  var inputs: Set<Int> = [0]
  var results = 1
  /// Relative to the largest value; 0 for codes and for what only moves.
  var tolerance = 0.0

  var testDescription: String {
    "\(op.name) of \(operands.map { $0.map { "\($0.type)" } ?? "-" })"
  }
}

/// Numbers without a pattern, the same in every run.
private func numbers(_ count: Int, _ seed: UInt64 = 1) -> [Double] {
  var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(state >> 33) / Double(1 << 31)
  }
}

private func floats(_ shape: [Int], _ low: Double = -2, _ high: Double = 2) -> AnyTensor {
  let values = numbers(shape.reduce(1, *), UInt64(shape.count))
  return AnyTensor(shape: shape, values.map { Float(low + $0 * (high - low)) })
}

private func codes(_ shape: [Int], _ element: ElementType, _ seed: UInt64 = 3) -> AnyTensor {
  let low = element == .i8 ? -128 : 0
  let values = numbers(shape.reduce(1, *), seed).map { low + Int($0 * 256) }
  return AnyTensor(element, shape: shape, integers: values)
}

private func zero(_ code: Int, _ element: ElementType) -> AnyTensor {
  AnyTensor(element, shape: [], integers: [code])
}

private func integers(_ values: [Int64]) -> AnyTensor { AnyTensor(shape: [values.count], values) }

private func window(_ kernel: [Int], _ strides: [Int], _ pads: [Int]) -> WindowAttributes {
  var window = WindowAttributes()
  (window.kernelShape, window.strides, window.pads) = (kernel, strides, pads)
  return window
}

private let unary: [Case] = [
  Case(op: Abs(), operands: [floats([3, 37])]), Case(op: Neg(), operands: [floats([3, 37])]),
  Case(op: Floor(), operands: [floats([3, 37])]),
  Case(op: Sqrt(), operands: [floats([41], 0, 9)], tolerance: 1e-7),
  Case(op: Reciprocal(), operands: [floats([41], 0.1, 9)], tolerance: 1e-7),
  Case(op: Exp(), operands: [floats([4, 33], -20, 20)], tolerance: 1e-6),
  Case(op: Log(), operands: [floats([4, 33], 0.001, 20)], tolerance: 1e-6),
  Case(op: Sigmoid(), operands: [floats([4, 33], -30, 30)], tolerance: 1e-6),
  Case(op: Tanh(), operands: [floats([4, 33], -9, 9)], tolerance: 1e-6),
  Case(op: Erf(), operands: [floats([4, 33], -4, 4)], tolerance: 1e-6),
  Case(op: Gelu(), operands: [floats([4, 33], -6, 6)], tolerance: 1e-6),
  Case(op: HardSwish(), operands: [floats([4, 33], -6, 6)], tolerance: 1e-6),
  Case(op: HardSigmoid(), operands: [floats([4, 33], -6, 6)], tolerance: 1e-6),
  Case(op: LeakyRelu(), operands: [floats([4, 33], -6, 6)], tolerance: 1e-7),
  Case(op: Ceil(), operands: [floats([3, 37])]), Case(op: Round(), operands: [floats([3, 37])]),
  Case(op: Sin(), operands: [floats([4, 33], -9, 9)], tolerance: 1e-6),
  Case(op: Cos(), operands: [floats([4, 33], -9, 9)], tolerance: 1e-6),
  Case(op: Elu(), operands: [floats([4, 33], -9, 9)], tolerance: 1e-6),
  Case(op: Selu(), operands: [floats([4, 33], -9, 9)], tolerance: 1e-6),
  Case(op: Celu(), operands: [floats([4, 33], -9, 9)], tolerance: 1e-6),
  Case(op: Softplus(), operands: [floats([4, 33], -30, 30)], tolerance: 1e-6),
  Case(op: Mish(), operands: [floats([4, 33], -30, 30)], tolerance: 1e-6),
  Case(op: Swish(), operands: [floats([4, 33], -30, 30)], tolerance: 1e-6),
]

private let folds: [Case] = [Max() as any Operation, Min(), Sum(), Mean()].flatMap { op in
  let operands = [floats([3, 7]), floats([3, 7], 1, 3), floats([3, 7], -1, 1)]
  return (1...3).map {
    Case(op: op, operands: Array(operands.prefix($0)), inputs: Set(0..<$0), tolerance: 1e-6)
  }
}

private let movements: [Case] =
  [
    Case(op: Transpose(perm: [2, 0, 1]), operands: [floats([3, 4, 5])]),
    Case(op: Transpose(perm: nil), operands: [codes([2, 3, 4, 2], .i8)]),
    Case(op: Expand(), operands: [floats([3, 1]), integers([2, 1, 4])]),
    Case(op: Slice(), operands: [floats([6, 7]), integers([1]), integers([5]), integers([-1])]),
    Case(
      op: Slice(),
      operands: [floats([6, 7]), integers([-1, 5]), integers([-7, 0]), nil, integers([-2, -1])]),
    Case(op: Split(axis: 1), operands: [floats([2, 7, 3]), integers([3, 4])], results: 2),
    Case(op: Concat(axis: 1), operands: [floats([2, 3, 2]), floats([2, 1, 2])], inputs: [0, 1]),
    Case(
      op: Concat(axis: -1), operands: [codes([2, 3], .u8), codes([2, 4], .u8)], inputs: [0, 1]),
    Case(op: Tile(), operands: [floats([2, 3, 4]), integers([2, 1, 3])]),
    Case(op: Tile(), operands: [codes([3, 1], .i8), integers([1, 5])]),
    Case(op: DepthToSpace(blockSize: 2), operands: [floats([2, 8, 3, 2])]),
    Case(
      op: DepthToSpace(blockSize: 3, order: .columnFirst), operands: [codes([1, 18, 2, 1], .u8)]),
    Case(op: SpaceToDepth(blockSize: 2), operands: [floats([2, 3, 4, 6])]),
    Case(
      op: SpaceToDepth(blockSize: 2, order: .columnFirst), operands: [codes([1, 3, 2, 4], .i8)]),
    Case(
      op: Gather(axis: 1), operands: [floats([3, 5, 4]), integers([-1, 0, 2, 2])], inputs: [0, 1]),
    Case(
      op: GatherND(), operands: [floats([3, 4, 2]), integers([2, -1, 0, 3]).reshaped([2, 2])],
      inputs: [0, 1]),
    Case(
      op: GatherND(batchDimensions: 1),
      operands: [codes([2, 4, 3], .u8), integers([2, -1]).reshaped([2, 1])]),
    Case(
      op: ScatterND(),
      operands: [floats([3, 4]), integers([2, 0]).reshaped([2, 1]), floats([2, 4], 5, 6)],
      inputs: [0, 1, 2]),
  ] + paddings + resizes

private let paddings: [Case] =
  [PadMode.constant, .reflect, .edge, .wrap].flatMap { mode in
    [
      Case(op: Pad(mode: mode), operands: [floats([2, 4, 5]), integers([0, 2, 1, 0, 0, 3])]),
      Case(op: Pad(mode: mode), operands: [floats([2, 4, 5]), integers([0, -1, 2, 0, 3, -2])]),
      Case(op: Pad(mode: mode), operands: [codes([6], .i8), integers([4, 2])]),
    ]
  } + [
    Case(
      op: Pad(), operands: [codes([3, 4], .u8), integers([1, 2]), zero(7, .u8), integers([-1])])
  ]

private let resizes: [Case] = [
  ResizeCoordinates.halfPixel, .halfPixelSymmetric, .alignCorners, .asymmetric,
].flatMap { coordinates in
  [[2, 3, 8, 10], [2, 3, 2, 1], [2, 3, 4, 9]].flatMap { sizes in
    let sizes = integers(sizes.map(Int64.init))
    return [
      Case(op: Resize(.nearest, coordinates), operands: [floats([2, 3, 4, 5]), nil, nil, sizes]),
      Case(
        op: Resize(.nearest, coordinates), operands: [codes([2, 3, 4, 5], .u8), nil, nil, sizes]),
      Case(op: Resize(.linear, coordinates), operands: [floats([2, 3, 4, 5]), nil, nil, sizes]),
    ]
  }
}

private let reductions: [Case] = [true, false].flatMap { keep in
  [nil, [-1], [0], [1, 2], [0, -3], [0, 1, 2, 3]].flatMap { (axes: [Int64]?) -> [Case] in
    let operands = [floats([2, 3, 4, 5]), axes.map { integers($0) }]
    let ops: [any Operation] = [
      ReduceSum(keepDimensions: keep), ReduceMean(keepDimensions: keep),
      ReduceMax(keepDimensions: keep), ReduceMin(keepDimensions: keep),
      ReduceSumSquare(keepDimensions: keep), ReduceL2(keepDimensions: keep),
    ]
    return ops.map { Case(op: $0, operands: operands, tolerance: 1e-6) }
  }
}

/// In floats of 16 bits, which are rounded once: in the last place at most.
private let halves: [Case] = [ElementType.f16, .bf16].flatMap { element in
  let rounded = { (x: AnyTensor) -> AnyTensor in
    try! ReferenceEvaluator.evaluate(Cast(to: element), [x])[0]
  }
  let x = rounded(floats([2, 3, 6, 5])), w = rounded(floats([4, 3, 3, 3], -1, 1))
  let tolerance = element == .f16 ? 0x1p-10 : 0x1p-7
  let conv = Conv(window([3, 3], [1, 1], [1, 1, 1, 1]), group: 1)
  return [
    Case(op: conv, operands: [x, w, rounded(floats([4]))], tolerance: tolerance),
    Case(op: conv, operands: [x, w], inputs: [0, 1], tolerance: tolerance),
    Case(op: Add(), operands: [x, rounded(floats([3, 1, 1]))], inputs: [0, 1]),
    Case(op: Mish(), operands: [x], tolerance: tolerance), Case(op: ArgMax(axis: 1), operands: [x]),
    Case(op: Softmax(), operands: [x], tolerance: tolerance),
    Case(op: MatMul(), operands: [x, rounded(floats([5, 7]))], tolerance: tolerance),
  ]
}

/// Among numbers many of which tie.
private let searches: [Case] = [false, true].flatMap { last in
  (-1...2).flatMap { axis -> [Case] in
    let values = numbers(7 * 300 * 3).map { Float(Int($0 * 9)) }
    let x = AnyTensor(shape: [7, 300, 3], values)
    return [
      Case(op: ArgMax(axis: axis, selectLastIndex: last), operands: [x]),
      Case(op: ArgMin(axis: axis, keepDimensions: false, selectLastIndex: last), operands: [x]),
    ]
  }
}

private let broadcasts: [Case] =
  [
    ([2, 3, 4, 5], [2, 3, 4, 5]), ([2, 3, 4, 5], []), ([], [7, 3]), ([2, 3, 4, 5], [3, 1, 1]),
    ([3, 1, 1], [2, 3, 4, 5]), ([6, 9], [9]), ([6, 9], [6, 1]), ([4, 1, 5], [1, 3, 5]),
    ([1, 6], [6, 6]),
  ].flatMap { a, b in
    [Add() as any Operation, Sub(), Mul(), Div()].map { op in
      Case(op: op, operands: [floats(a), floats(b, 1, 3)], inputs: [0, 1])
    }
  }
  + [[2, 3, 4, 5], [], [3, 1, 1], [4, 5]].map { slope in
    Case(op: PRelu(), operands: [floats([2, 3, 4, 5]), floats(slope, 0.1, 0.3)], inputs: [0, 1])
  }

private let rowFunctions: [Case] = [
  Case(op: LRN(size: 5, alpha: 0.3), operands: [floats([2, 7, 20, 17])], tolerance: 1e-6),
  Case(op: LRN(size: 4, alpha: 2, beta: 0.6), operands: [floats([2, 3, 5])], tolerance: 1e-6),
  Case(op: Softmax(), operands: [floats([5, 11], -9, 9)], tolerance: 1e-6),
  Case(op: LogSoftmax(), operands: [floats([5, 11], -9, 9)], tolerance: 1e-6),
  Case(op: LayerNormalization(), operands: [floats([3, 4, 8]), floats([8])], tolerance: 1e-5),
  Case(
    op: LayerNormalization(), operands: [floats([3, 4, 8]), floats([8]), floats([8])],
    tolerance: 1e-5),
  Case(op: GlobalAveragePool(), operands: [floats([2, 3, 5, 7])], tolerance: 1e-6),
  Case(
    op: GlobalAveragePoolGradient(), operands: [floats([2, 3, 1, 1]), floats([2, 3, 5, 7])],
    inputs: [0, 1], tolerance: 1e-6),
  Case(op: MinMax(), operands: [floats([2, 3, 5, 7])], results: 2),
  Case(op: MinMax(axis: 1), operands: [floats([2, 3, 5, 7])], results: 2),
]

private let normalizations: [Case] = {
  let x = floats([2, 6, 5, 7]), channels = [floats([6], 0.5, 2), floats([6])]
  let rows = floats([3, 4, 9]), one = AnyTensor(Float(1))
  let dy = AnyTensor(shape: [3, 4, 9], numbers(108, 77).map { Float($0) })
  return [
    Case(op: InstanceNormalization(), operands: [x] + channels, tolerance: 1e-5),
    Case(op: GroupNormalization(groups: 2), operands: [x] + channels, tolerance: 1e-5),
    Case(op: GroupNormalization(groups: 6), operands: [x] + channels, tolerance: 1e-5),
    Case(op: RMSNormalization(), operands: [rows, floats([9])], tolerance: 1e-5),
    Case(op: RMSNormalization(axis: 1), operands: [rows, floats([4, 9])], tolerance: 1e-5),
    Case(
      op: LayerNormalization(axis: 1), operands: [rows, floats([4, 9]), floats([4, 9])], results: 3,
      tolerance: 1e-5),
    Case(op: LayerNormalization(), operands: [rows, one], tolerance: 1e-5),
    Case(
      op: LayerNormalizationGradient(axis: -1, epsilon: 1e-5),
      operands: [dy, rows, floats([9])], inputs: [0, 1], results: 2,
      tolerance: 1e-5),
    Case(
      op: LayerNormalizationGradient(axis: -1, epsilon: 1e-5),
      operands: [dy, rows, one], inputs: [0, 1], tolerance: 1e-5),
  ]
}()

private let attention: [Case] = {
  let q = floats([2, 4, 70, 8]), k = floats([2, 2, 9, 8], -1, 1), v = floats([2, 2, 9, 5], 0, 1)
  let mask = floats([70, 9], -1, 1),
    shown = AnyTensor(shape: [4, 1, 7], numbers(28).map { $0 > 0.4 })
  let past = [floats([2, 2, 3, 8], -1, 1), floats([2, 2, 3, 5], 0, 1)]
  let lengths = integers([4, 9]),
    hidden = AnyTensor(shape: [1, 9], [Bool](repeating: false, count: 9))
  var causal = Attention(), flat = Attention()
  (causal.isCausal, causal.softcap, causal.leftWindow) = (true, 2, 4)
  (flat.queryHeadCount, flat.keyHeadCount) = (4, 2)
  let side = [floats([2, 70, 32]), floats([2, 9, 16], -1, 1), floats([2, 9, 10], 0, 1)]
  let operands: [[AnyTensor?]] = [
    [q, k, v], [q, k, v, mask], [q, k, v, shown], [q, k, v, hidden],
    [q, k, v, nil, nil, nil, lengths],
  ]
  return [Attention(), causal].flatMap { op in
    operands.map { Case(op: op, operands: $0, inputs: [0, 1, 2], tolerance: 1e-5) }
  }
    + (0..<4).map { stage in
      causal.scoreStage = Attention.ScoreStage(rawValue: stage) ?? .product
      // Biased scores of hidden keys are infinite, and no bound is.
      (causal.isCausal, causal.leftWindow) = stage == 2 ? (false, -1) : (true, 4)
      return Case(
        op: causal, operands: [q, k, v, nil] + past, inputs: [0, 1, 2, 4, 5], results: 4,
        tolerance: 1e-5)
    } + [
      Case(op: flat, operands: side, tolerance: 1e-5),
      Case(op: flat, operands: side + [nil] + past, results: 3, tolerance: 1e-5),
    ]
}()

private let rotary: [Case] = [false, true].flatMap { interleaved in
  let tables = [
    floats([7, 3]), floats([7, 3], 0, 1), AnyTensor(shape: [2, 4], [Int64](0...7).map { $0 % 7 }),
  ]
  let rows = [floats([2, 4, 4]), floats([2, 4, 4], 0, 1)]
  return [
    Case(
      op: RotaryEmbedding(interleaved: interleaved, turnedCount: 6),
      operands: [floats([2, 3, 4, 8])] + tables, tolerance: 1e-6),
    Case(
      op: RotaryEmbedding(interleaved: interleaved, headCount: 3),
      operands: [floats([2, 4, 24])] + rows, tolerance: 1e-6),
  ]
}

/// With weights that are known beforehand, and such that are not.
private let recurrent: [Case] = ["forward", "reverse", "bidirectional"].flatMap { direction in
  [0, 1].flatMap { layout -> [Case] in
    var linear = GRU(), relu = RNN()
    linear.resetsProduct = true
    relu.recurrence.activations = ["Relu", "Relu"]
    return [LSTM(), GRU(), linear, RNN(), relu].flatMap { (layer: any Recurrent) -> [Case] in
      recurrentCases(layer, direction, layout)
    }
  }
}

private func recurrentCases<Layer: Recurrent>(
  _ layer: Layer, _ direction: String, _ layout: Int
) -> [Case] {
  var op = layer
  (op.recurrence.direction, op.recurrence.layout) = (direction, layout)
  let d = op.recurrence.directions, gates = Layer.gateCount * 17
  let x = floats(layout == 1 ? [3, 5, 40] : [5, 3, 40])
  let weights = [floats([d, gates, 40], -0.3, 0.3), floats([d, gates, 17], -0.3, 0.3)]
  let state = floats(layout == 1 ? [3, d, 17] : [d, 3, 17], -1, 1)
  let lengths = AnyTensor(shape: [3], [Int32(5), 0, 3])
  let more: [AnyTensor?] =
    [floats([d, 2 * gates]), lengths] + Layer.initialStates.map { _ in state }
  return [Set([0]), [0, 1, 2]].flatMap { inputs in
    [[], more].map { rest in
      Case(
        op: op, operands: [x] + weights + rest, inputs: inputs, results: Layer.results.count,
        tolerance: 1e-5)
    }
  }
}

/// With a second matrix that is known beforehand, and one that is not.
private let equations: [Case] = [
  ("bhid,bhjd->bhij", [2, 3, 4, 5], [2, 3, 6, 5]), ("ij,jk->ki", [4, 5], [5, 6]),
  ("...i,...i->...", [2, 3, 4], [2, 3, 4]), ("i,j->ij", [4], [5]),
  ("bik,kjb->jib", [2, 3, 4], [4, 5, 2]),
].map { equation, a, b in
  Case(op: Einsum(equation), operands: [floats(a), floats(b)], inputs: [0, 1], tolerance: 1e-6)
}

private let products: [Case] =
  equations
  + [Set([0]), [0, 1, 2]].flatMap { inputs in
    [
      Case(
        op: Gemm(transB: true), operands: [floats([3, 37]), floats([41, 37]), floats([41])],
        inputs: inputs, tolerance: 1e-6),
      Case(
        op: Gemm(transA: true), operands: [floats([300, 5]), floats([300, 70])],
        inputs: inputs.intersection([0, 1]), tolerance: 1e-6),
      Case(
        op: MatMul(), operands: [floats([2, 3, 20]), floats([20, 17])],
        inputs: inputs.intersection([0, 1]), tolerance: 1e-6),
    ]
  }

private let pools: [Case] = [
  ([2, 2], [2, 2], [0, 0, 0, 0]), ([3, 3], [2, 2], [1, 1, 1, 1]), ([3, 2], [1, 3], [1, 0, 1, 1]),
].flatMap { kernel, strides, pads in
  [false, true].flatMap { counts in
    var average = AveragePool()
    average.window = window(kernel, strides, pads)
    average.countIncludePad = counts
    var maximum = MaxPool()
    maximum.window = window(kernel, strides, pads)
    return [
      Case(op: average, operands: [floats([2, 3, 9, 8])], tolerance: 1e-6),
      Case(op: maximum, operands: [floats([2, 3, 9, 8])]),
    ]
  }
}

private let quantized: [Case] = [ElementType.u8, .i8].flatMap { element in
  let shift = element == .i8 ? -128 : 0
  let x = [codes([2, 3, 6, 5], element), AnyTensor(Float(0.03)), zero(117 + shift, element)]
  let y = [AnyTensor(Float(0.041)), zero(93 + shift, element)]
  var average = QLinearAveragePool()
  average.window = window([3, 2], [2, 1], [1, 0, 1, 1])
  return [
    Case(op: QLinearSigmoid(), operands: x + y),
    Case(op: QLinearLeakyRelu(), operands: x + y),
    Case(op: average, operands: x + y),
    Case(op: QLinearGlobalAveragePool(), operands: x + y),
  ]
    + [[2, 3, 6, 5], [], [3, 1, 1], [6, 5]].flatMap { (shape: [Int]) -> [Case] in
      let b = [codes(shape, element, 5), AnyTensor(Float(0.017)), zero(201 + shift, element)]
      return [
        Case(op: QLinearAdd(), operands: x + b + y, inputs: [0, 3]),
        Case(op: QLinearAdd(), operands: b + x + y, inputs: [0, 3]),
        Case(op: QLinearMul(), operands: x + b + y, inputs: [0, 3]),
      ]
    }
}

/// Images with channels last: what the operation gives on images with channels first, turned.
private let channelsLast: [Case] = {
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
    Case(op: Nhwc(conv), operands: [x, w, floats([7])], tolerance: 1e-6),
    Case(op: Nhwc(conv), operands: [x, w, floats([7])], inputs: [0, 1, 2], tolerance: 1e-6),
    Case(
      op: Nhwc(ConvInputGradient(gradient.0, group: gradient.1)), operands: [dy, w, x],
      inputs: [0, 1, 2], tolerance: 1e-6),
    Case(
      op: Nhwc(ConvWeightGradient(gradient.0, group: gradient.1)), operands: [dy, x, w],
      inputs: [0, 1, 2], tolerance: 1e-6),
    Case(op: Nhwc(BatchNormalization()), operands: [x] + channel, tolerance: 1e-6),
    Case(op: Nhwc(training), operands: [x] + channel, results: 3, tolerance: 1e-6),
    Case(
      op: Nhwc(BatchNormalizationGradient(epsilon: 1e-5)), operands: [other, x, channel[0]],
      inputs: [0, 1], results: 3, tolerance: 1e-5),
    Case(op: Nhwc(maximum), operands: [x]),
    Case(
      op: Nhwc(MaxPoolGradient(maximum)), operands: [pooled, x], inputs: [0, 1], tolerance: 1e-6),
    Case(op: Nhwc(average), operands: [x], tolerance: 1e-6),
    Case(
      op: Nhwc(AveragePoolGradient(average)), operands: [pooled, x], inputs: [0, 1],
      tolerance: 1e-6),
    Case(op: Nhwc(GlobalAveragePool()), operands: [x], tolerance: 1e-6),
    Case(
      op: Nhwc(GlobalAveragePoolGradient()), operands: [floats([2, 1, 1, 5]), x], inputs: [0, 1],
      tolerance: 1e-6),
    Case(op: Transpose(perm: [0, 2, 3, 1]), operands: [floats([2, 17, 5, 7])]),
    Case(op: Transpose(perm: [0, 3, 1, 2]), operands: [floats([2, 5, 7, 17])]),
    Case(op: Transpose(perm: [1, 0]), operands: [floats([33, 18])]),
  ]
}()

/// What a training step computes on codes.
private let integers: [Case] = {
  let window = window([3, 3], [2, 1], [1, 1, 0, 1]), zero = AnyTensor(Int32(7))
  let scale = AnyTensor(Float(0.07)), scales = floats([6], 0.01, 0.02)
  var perChannel = QuantizeWithMask(grid: .int8, axis: 1), positive = QuantizeWithMask(grid: .uint8)
  perChannel.axis = 1
  positive.positive = true
  let zeros = AnyTensor(shape: [3], [0, 5, -3] as [Int32])
  let real = floats([2, 3, 37], -12, 12), x = codes([2, 9, 8, 4], .u8),
    w = codes([6, 2, 3, 3], .i8)
  let masked = [
    Case(op: QuantizeWithMask(grid: .int8), operands: [real, scale, zero], results: 2),
    Case(op: positive, operands: [real, scale, zero], results: 2),
    Case(op: perChannel, operands: [real, floats([3], 0.01, 0.2), zeros]),
    Case(op: ApplyMask(), operands: [floats([211]), codes([27], .u8)], inputs: [0, 1]),
    Case(op: DequantizeCodes(axis: nil), operands: [codes([3, 50], .u8), scale, zero]),
    Case(
      op: DequantizeCodes(axis: 1), operands: [codes([2, 3, 5], .i8), floats([3], 1, 2), zeros]),
  ]
  let products = [nil, floats([6])].flatMap { bias in
    [
      Case(
        op: Nhwc(ConvIntegerToFloat(window, group: 2)),
        operands: [x, scale, zero, w, scales, bias],
        inputs: [0, 3, 4]),
      Case(
        op: ConvIntegerToFloat(window, group: 2),
        operands: [codes([2, 4, 9, 8], .i8), scale, zero, w, scale, bias], inputs: [0, 3]),
      Case(
        op: GemmIntegerToFloat(transB: true),
        operands: [codes([5, 37], .u8), scale, zero, codes([6, 37], .i8), scales, bias],
        inputs: [0, 3]),
      Case(
        op: GemmIntegerToFloat(),
        operands: [codes([5, 37], .i8), scale, zero, codes([37, 6], .i8), scale, bias],
        inputs: [0, 2, 3]),
    ]
  }
  return masked + products
}()

/// What a training step has beside its layers.
private let training: [Case] = {
  let labels = AnyTensor(shape: [5], [3, 0, 10, 7, 7] as [Int64])
  let logits = floats([5, 11], -9, 9)
  var observe = Observe(.movingAverage, momentum: 0.25)
  let state = [AnyTensor(Float(-1)), AnyTensor(Float(3)), AnyTensor(Int64(2))]
  let perChannel = [floats([3], -3, -1), floats([3], 1, 3), AnyTensor(Int64(1))]
  let followed = Case(op: observe, operands: [floats([2, 3, 7])] + state, results: 3)
  observe.axis = 1
  let conditions = [Int64(4), 5, 6].map {
    Case(op: GreaterOrEqual(), operands: [AnyTensor($0), AnyTensor(Int64(5))], inputs: [0, 1])
  }
  let choices = [false, true].flatMap { truth -> [Case] in
    let condition = AnyTensor(truth)
    return [
      Case(op: Where(), operands: [condition, floats([7]), AnyTensor(Float(2))], inputs: [0, 1]),
      Case(op: Where(), operands: [condition, AnyTensor(Float(2)), floats([7])], inputs: [0, 2]),
    ]
  }
  return conditions + choices + [
    followed,
    Case(op: observe, operands: [floats([2, 3, 7])] + perChannel, results: 3),
    Case(
      op: Observe(.minMax, limit: 2), operands: [floats([2, 3, 7])] + state, inputs: [0, 3],
      results: 3),
    Case(op: SoftmaxCrossEntropy(), operands: [logits, labels], tolerance: 1e-6),
    Case(
      op: SoftmaxCrossEntropyGradient(), operands: [AnyTensor(Float(0.5)), logits, labels],
      inputs: [0, 1], tolerance: 1e-6),
    Case(op: ReduceLike(), operands: [floats([6, 9]), floats([9])], tolerance: 1e-6),
    Case(op: ReduceLike(), operands: [floats([3, 1, 4, 5]), floats([1, 4, 5])], tolerance: 1e-6),
    Case(
      op: ScaleFromRange(grid: .uint8, scheme: .asymmetric),
      operands: [floats([7], -3, 0), floats([7], 0, 4)], inputs: [0, 1], results: 2),
    Case(
      op: FakeQuantizeBias(),
      operands: [floats([6]), AnyTensor(Float(0.01)), floats([6], 0.01, 0.02)], inputs: [0, 1, 2]),
    Case(
      op: FoldedBiasRounding(epsilon: 1e-5),
      operands: [
        floats([6], 0.5, 2), floats([6]), floats([6]), floats([6], 0.5, 2), AnyTensor(Float(0.01)),
        floats([6], 0.01, 0.02),
      ], inputs: [0, 1]),
  ]
}()

@Suite("Operations bound to kernels")
struct KernelBindingTests {
  @Test(
    "give what the reference evaluation gives",
    arguments: unary + broadcasts + folds + movements + rowFunctions + reductions + searches + pools
      + halves + quantized + channelsLast + integers + training + products + normalizations
      + attention + rotary + recurrent)
  fileprivate func agree(_ test: Case) throws {
    var graph = Graph(name: "one")
    var feeds: [String: AnyTensor] = [:]
    let operands = test.operands.enumerated().map { index, tensor -> ValueID? in
      guard let tensor else { return nil }
      guard test.inputs.contains(index) else { return graph.addConstant("c\(index)", tensor) }
      feeds["x\(index)"] = tensor
      return graph.addInput("x\(index)", tensor.type)
    }
    let names = (0..<test.results).map { "y\($0)" }
    let node = try graph.addNode(test.op, operands, name: "node", results: names)
    graph.setOutputs(graph[node].results.compactMap { $0 })
    let expected = try ReferenceEvaluator(graph).evaluate(feeds).outputs
    for threads in [1, 3] {
      let session = try Session(graph, threads: threads)
      let outputs = try session.run(feeds)
      #expect(outputs.count == expected.count)
      for (output, reference) in zip(outputs, expected) {
        #expect(output.type == reference.type)
        let a = output.doubles ?? [], b = reference.doubles ?? []
        let bound = test.tolerance * (b.map(abs).max() ?? 0)
        #expect(zip(a, b).allSatisfy { abs($0 - $1) <= bound }, "\(a) is not \(b)")
      }
      #expect(try session.profile(feeds, runs: 1).map(\.isKernel) == [true])
    }
  }
}
