import QATCore
import QATIR
import Testing

@testable import QATRuntime

@Suite("Gradients of convolutions, products, poolings and movements agree with differences")
struct StructureGradientTests {
  @Test("of convolutions: strides, pads, dilations, groups, one to three spatial axes")
  func convolutions() throws {
    try checkGradients(
      of: Conv(WindowAttributes(pads: [1, 0, 2, 1], strides: [2, 1], dilations: [1, 2])),
      [distinct([2, 2, 5, 4]), distinct([3, 2, 3, 2], seed: 1), distinct([3], seed: 2)])
    try checkGradients(
      of: Conv(WindowAttributes(strides: [3], autoPad: .sameLower), group: 2),
      [distinct([2, 4, 7]), distinct([6, 2, 2], seed: 1), nil])
    try checkGradients(
      of: Conv(WindowAttributes(pads: [-1, 1, 0, 1, 0, 0]), group: 3),
      [distinct([1, 3, 4, 3, 2]), distinct([3, 1, 2, 2, 2], seed: 1), distinct([3])])
  }

  @Test("of transposed convolutions: output padding and shape, groups, dilations")
  func transposedConvolutions() throws {
    try checkGradients(
      of: ConvTranspose(
        WindowAttributes(pads: [0, 1, 1, 0], strides: [2, 1], dilations: [1, 2]), group: 2,
        outputPadding: [1, 0]),
      [distinct([2, 2, 3, 2]), distinct([2, 2, 2, 3], seed: 1), distinct([4], seed: 2)])
    try checkGradients(
      of: ConvTranspose(WindowAttributes(strides: [2]), outputShape: [6]),
      [distinct([1, 2, 3]), distinct([2, 1, 4], seed: 1)])
    try checkGradients(
      of: ConvTranspose(WindowAttributes(strides: [3], autoPad: .sameUpper)),
      [distinct([1, 2, 3]), distinct([2, 3, 2], seed: 1)])
  }

  @Test("of Gemm with every pair of transpositions", arguments: [false, true], [false, true])
  func gemm(_ transA: Bool, _ transB: Bool) throws {
    let a = distinct(transA ? [3, 2] : [2, 3])
    let b = distinct(transB ? [4, 3] : [3, 4], seed: 1)
    for c in [distinct([4]), distinct([2, 1]), distinct([]), distinct([2, 4])] {
      try checkGradients(
        of: Gemm(alpha: 0.5, beta: -2, transA: transA, transB: transB), [a, b, c])
    }
    try checkGradients(of: Gemm(transA: transA, transB: transB), [a, b, distinct([4])])
  }

  @Test("of MatMul, batched, broadcast and with vectors")
  func matMul() throws {
    let shapes: [([Int], [Int])] = [
      ([2, 3], [3, 4]), ([2, 1, 2, 3], [3, 3, 2]), ([3], [3]), ([3], [2, 3, 2]), ([2, 2, 3], [3]),
      ([2, 2, 3], [1, 3, 2]),
    ]
    for (a, b) in shapes {
      try checkGradients(of: MatMul(), [distinct(a), distinct(b, seed: 1)])
    }
  }

  @Test("of poolings")
  func poolings() throws {
    let x = distinct([2, 2, 5, 4])
    let window = WindowAttributes(kernelShape: [3, 2], pads: [1, 0, 1, 1], strides: [2, 2])
    let dilated = WindowAttributes(kernelShape: [2, 2], dilations: [2, 3])
    for ceilMode in [false, true] {
      try checkGradients(of: MaxPool(window, ceilMode: ceilMode), [x])
      for counted in [false, true] {
        try checkGradients(
          of: AveragePool(window, ceilMode: ceilMode, countIncludePad: counted), [x])
      }
    }
    try checkGradients(of: MaxPool(dilated), [x], results: 2)
    try checkGradients(of: AveragePool(dilated), [x])
    try checkGradients(of: GlobalAveragePool(), [x])
    try checkGradients(of: GlobalMaxPool(), [x])
  }

  @Test("of operations that keep the order of elements")
  func reshaping() throws {
    try checkGradients(of: Reshape(), [distinct([2, 3, 4]), integers(0, -1)])
    try checkGradients(of: Flatten(), [distinct([2, 3, 2])])
    try checkGradients(of: Squeeze(), [distinct([2, 1, 3, 1]), integers(1, -1)])
    try checkGradients(of: Unsqueeze(), [distinct([2, 3]), integers(0, -2)])
  }

  @Test("of Transpose, Concat and Split")
  func rearranging() throws {
    try checkGradients(of: Transpose(), [distinct([2, 3, 4])])
    try checkGradients(of: Transpose(perm: [1, 2, 0]), [distinct([2, 3, 4])])
    try checkGradients(
      of: Concat(axis: -1), [distinct([2, 3]), distinct([2, 1]), distinct([2, 2])])
    try checkGradients(of: Concat(axis: 0), [distinct([2, 3])])
    try checkGradients(
      of: Split(axis: 1), [distinct([2, 5]), integers(2, 3)], results: 2, seeded: 2)
    try checkGradients(
      of: Split(axis: 1, outputCount: 3), [distinct([2, 5]), nil], results: 3)
  }

  @Test("of Slice, Gather and Pad")
  func picking() throws {
    try checkGradients(
      of: Slice(), [distinct([2, 5]), integers(4), integers(-100), integers(1), integers(-2)])
    try checkGradients(of: Slice(), [distinct([4, 5]), integers(1, -3), integers(3, 100)])
    let indices = AnyTensor(shape: [2, 2], [Int64(1), -1, 1, 0])
    try checkGradients(of: Gather(axis: 1), [distinct([2, 3, 2]), indices])
    try checkGradients(of: Gather(), [distinct([3, 2]), AnyTensor(Int64(-3))])
    for mode in [PadMode.constant, .reflect, .edge, .wrap] {
      try checkGradients(
        of: Pad(mode: mode), [distinct([2, 3]), integers(2, 5), nil, integers(-1)])
      try checkGradients(of: Pad(mode: mode), [distinct([2, 4]), integers(0, -1, 0, -1)])
    }
  }

  @Test("of Pad for its constant")
  func paddingConstant() throws {
    try checkGradients(
      of: Pad(), [distinct([2, 3]), integers(1, -1, 0, 2), distinct([], seed: 3)])
  }

  @Test("of picking by indices, which may repeat")
  func indexing() throws {
    let elements = AnyTensor(shape: [2, 3], [Int64(1), -1, 0, 2, 2, -3])
    try checkGradients(of: GatherElements(axis: 1), [distinct([2, 3]), elements])
    let rows = AnyTensor(shape: [1, 2], [Int64(1), 1])
    try checkGradients(of: GatherElements(axis: 0), [distinct([2, 3]), rows])
    let tuples = AnyTensor(shape: [3, 2], [Int64(0), 1, -1, 2, 0, 1])
    try checkGradients(of: GatherND(), [distinct([2, 3, 2]), tuples])
    let batched = AnyTensor(shape: [2, 1], [Int64(2), -1])
    try checkGradients(of: GatherND(batchDimensions: 1), [distinct([2, 3, 2]), batched])
  }

  @Test(
    "of scattering with every reduction",
    arguments: [ScatterReduction.none, .add, .mul, .max, .min])
  func scattering(_ reduction: ScatterReduction) throws {
    let once = AnyTensor(shape: [2, 2], [Int64(1), -1, 0, 2])
    let twice = AnyTensor(shape: [2, 2], [Int64(1), 1, 0, -3])
    let updates = distinct([2, 2], seed: 5)
    for indices in reduction == .none ? [once] : [once, twice] {
      try checkGradients(
        of: ScatterElements(axis: 1, reduction: reduction), [distinct([2, 3]), indices, updates])
    }
    let parts = AnyTensor(shape: [2, 1], reduction == .none ? [Int64(2), 0] : [Int64(2), -1])
    try checkGradients(
      of: ScatterND(reduction: reduction), [distinct([3, 2]), parts, updates])
  }

  @Test("of products with a 0 among what is scattered: only the 0 moves the result")
  func scatteringZeros() throws {
    let indices = AnyTensor(shape: [5], [Int64(0), 0, 1, 1, 1])
    let updates = AnyTensor(shape: [5], [0.0, 3, 0, 0, 2])
    try checkGradients(
      of: ScatterElements(axis: 0, reduction: .mul), [distinct([3]), indices, updates])
  }

  @Test("of repeating, blocks, triangles and ranges")
  func repeating() throws {
    try checkGradients(of: Tile(), [distinct([2, 3, 1]), integers(2, 1, 3)])
    for order in [BlockOrder.depthFirst, .columnFirst] {
      try checkGradients(of: DepthToSpace(blockSize: 2, order: order), [distinct([2, 8, 1, 2])])
      try checkGradients(of: SpaceToDepth(blockSize: 2, order: order), [distinct([2, 2, 2, 4])])
    }
    try checkGradients(of: Trilu(upper: false), [distinct([2, 3, 4]), AnyTensor(Int64(1))])
    try checkGradients(
      of: RangeOp(), [AnyTensor(0.5), AnyTensor(3.1), AnyTensor(0.4)], checking: [0, 2])
  }

  @Test("of resizing in every mode")
  func resizing() throws {
    let x = distinct([2, 1, 3, 4]), sizes = integers(5, 3)
    var resize = Resize()
    resize.axes = [2, 3]
    for mode in [ResizeMode.nearest, .linear, .cubic] {
      resize.mode = mode
      for coordinates in [
        ResizeCoordinates.halfPixel, .halfPixelSymmetric, .pytorchHalfPixel, .alignCorners,
        .asymmetric,
      ] {
        resize.coordinates = coordinates
        try checkGradients(of: resize, [x, nil, nil, sizes])
      }
      resize.excludeOutside = true
      try checkGradients(of: resize, [x, nil, nil, sizes])
      resize.excludeOutside = false
    }
    resize.antialias = true
    try checkGradients(of: resize, [x, nil, nil, sizes])
    var crop = Resize(.linear, .cropAndResize)
    crop.extrapolationValue = 7
    let region = AnyTensor(shape: [4], [Float(0), 0.25, 1, 1.4])
    try checkGradients(of: crop, [distinct([2, 5]), region, nil, integers(2, 6)], checking: [0])
  }

  @Test("of norms")
  func norms() throws {
    let x = distinct([2, 2, 5, 4])
    let window = WindowAttributes(kernelShape: [3, 2], pads: [1, 0, 1, 1], strides: [2, 2])
    for p in 1...3 {
      try checkGradients(of: LpPool(window, p: p, ceilMode: p == 2), [x])
      try checkGradients(of: GlobalLpPool(p: p), [x])
    }
    try checkGradients(of: LRN(size: 3, alpha: 0.7, beta: 0.75, bias: 1.5), [distinct([2, 5, 3])])
    try checkGradients(of: LRN(size: 4, alpha: 2, beta: 0.5), [distinct([1, 3, 2, 2])])
  }

  @Test(
    "of equations",
    arguments: [
      ("ij,jk->ik", [[2, 3], [3, 4]]), ("ij,jk", [[2, 3], [3, 4]]), ("ij->", [[2, 3]]),
      ("ij,ik->i", [[2, 3], [2, 4]]), ("ii->i", [[3, 3]]), ("iij,j->", [[2, 2, 3], [3]]),
      ("iii", [[2, 2, 2]]), ("...ij,...jk->...ik", [[2, 1, 2, 3], [1, 2, 3, 2]]),
      ("...i,i->", [[2, 3], [3]]), ("b...,b...->b", [[2, 3], [2, 1]]),
      ("i,j,ij->j", [[2], [3], [2, 3]]),
    ])
  func equations(_ equation: String, _ shapes: [[Int]]) throws {
    try checkGradients(
      of: Einsum(equation), shapes.enumerated().map { distinct($1, seed: $0) })
  }
}
