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
}
