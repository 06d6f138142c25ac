import QATCore
import QATIR

/// Operations with samples in front: those that the lists of kernels do not have, or not that way.
extension KernelCase {
  static let batches: [KernelCase] =
    alike + shapes + images + quantizers
    + (RuntimeCase.elementwise + RuntimeCase.tables + RuntimeCase.averages
    + RuntimeCase.convolutions + RuntimeCase.products + RuntimeCase.linear).map {
      KernelCase(op: $0.op, operands: $0.operands, results: $0.results.count)
    }

  /// Operations of families whose operands are all alike.
  private static let alike: [KernelCase] = OpRegistry.builtin.names.compactMap { name in
    guard let type = OpRegistry.builtin[name] else { return nil }
    switch type {
    case is BitShift.Type:
      let x = AnyTensor(.u8, shape: [2, 3], integers: [1, 2, 3, 4, 5, 6])
      return KernelCase(op: BitShift(direction: "LEFT"), operands: [x, x])
    case is any Reduction.Type:
      return KernelCase(op: type.init(), operands: [floats([3, 4, 2], 1, 2), integers([1])])
    case is any UnaryElementwise.Type, is any BinaryElementwise.Type,
      is any ComparisonElementwise.Type, is any FloatPredicate.Type:
      return KernelCase(
        op: type.init(),
        operands: type.operands.enumerated().map { index, operand in
          if operand.elements.contains(.f32) { return floats([3, 4], 1, Double(index + 2)) }
          if operand.elements.contains(.i32) {
            return AnyTensor(.i32, shape: [3, 4], integers: Array(index..<index + 12))
          }
          return AnyTensor(shape: [3, 4], (0..<12).map { $0 >> index & 1 == 1 })
        })
    default: return nil
    }
  }

  private static let shapes: [KernelCase] = [
    KernelCase(op: Reshape(), operands: [floats([3, 4, 5]), integers([0, 20])]),
    KernelCase(op: Reshape(), operands: [floats([3, 4, 5]), integers([-1, 5])]),
    KernelCase(op: Reshape(), operands: [floats([3, 4, 5]), integers([0, 5, 4])]),
    KernelCase(op: Flatten(), operands: [floats([3, 4, 5])]),
    KernelCase(op: Flatten(axis: 2), operands: [floats([3, 4, 5])]),
    KernelCase(op: Squeeze(), operands: [floats([3, 1, 5]), integers([1])]),
    KernelCase(op: Unsqueeze(), operands: [floats([3, 5]), integers([1])]),
    KernelCase(op: Expand(), operands: [floats([3, 1, 5]), integers([1, 4, 1])]),
    KernelCase(op: Slice(), operands: [floats([3, 5])] + [1, 4, 1].map { integers([$0]) }),
    KernelCase(op: Gather(axis: 1), operands: [floats([3, 5]), integers([4, 0, 4])]),
    KernelCase(op: Gather(), operands: [floats([7, 5]), integers([6, 0, 3])], inputs: [1]),
    KernelCase(op: Identity(), operands: [floats([3, 4])]),
    KernelCase(op: StopGradient(), operands: [floats([3, 4])]),
    KernelCase(op: Cast(to: .i32), operands: [floats([3, 4])]),
    KernelCase(op: CastLike(), operands: [floats([3, 4]), AnyTensor(Int8(0))]),
    KernelCase(
      op: Clip(), operands: [floats([3, 4]), AnyTensor(Float(-1)), AnyTensor(Float(1))]),
    KernelCase(op: ReluGradient(), operands: [floats([3, 4]), floats([3, 4])]),
    KernelCase(op: MatMul(), operands: [floats([3, 4, 5]), floats([3, 5, 6])]),
    KernelCase(op: MatMul(), operands: [floats([3, 5]), floats([3, 5, 6])]),
    KernelCase(op: MatMul(), operands: [floats([1, 300]), floats([300, 40])]),
    KernelCase(op: MatMul(), operands: [floats([9, 300]), floats([300, 40])]),
    KernelCase(op: Gemm(), operands: [floats([4, 3]), floats([3, 5]), floats([4, 5])]),
  ]

  private static let images: [KernelCase] = {
    var grouped = Conv()
    grouped.group = 2
    let x = floats([3, 4, 6, 5]), w = floats([4, 2, 3, 3]), channels = floats([4], 1, 2)
    let scales = AnyTensor(shape: [4], [1, 2, 1, 0.5] as [Float])
    return [
      KernelCase(op: grouped, operands: [x, w, channels]),
      KernelCase(op: FusedConv(grouped), operands: [x, w, channels]),
      KernelCase(op: FusedConv(), operands: [x, floats([4, 4, 1, 1]), channels, x]),
      KernelCase(op: ConvTranspose(WindowAttributes(), group: 2), operands: [x, w]),
      KernelCase(op: BatchNormalization(), operands: [x] + [0, 1, 2, 3].map { _ in channels }),
      KernelCase(op: InstanceNormalization(), operands: [x, channels, channels]),
      KernelCase(op: LpPool(window([3, 2], [2, 1], [1, 0, 1, 0])), operands: [x]),
      KernelCase(op: AveragePool(window([3, 2], [2, 1], [1, 0, 1, 0])), operands: [x]),
      KernelCase(op: MaxPool(window([3, 2], [2, 1], [1, 0, 1, 0])), operands: [x], results: 2),
      KernelCase(op: GlobalLpPool(), operands: [x]),
      KernelCase(op: GlobalMaxPool(), operands: [x]),
      KernelCase(op: Resize(.linear, .halfPixel), operands: [x, nil, scales]),
    ]
  }()

  private static let quantizers: [KernelCase] = {
    let x = floats([3, 4, 5, 5]), image = codes([3, 4, 5, 5], .u8), w = codes([4, 4, 3, 3], .i8)
    let step = AnyTensor(Float(0.02)), middle = zero(120, .u8)
    let steps = AnyTensor(shape: [4], [0.01, 0.02, 0.03, 0.04] as [Float])
    let product = [image, step, middle, w, step, zero(0, .i8), AnyTensor(Float(0.3)), middle, nil]
    let table = AnyTensor(.u8, shape: [256], integers: (0..<256).map { 255 - $0 })
    let bytes = AnyTensor(shape: [5, 2, 8], (0..<80).map { UInt8(truncatingIfNeeded: $0 * 37) })
    return [
      KernelCase(op: QuantizeLinear(), operands: [x, step, middle]),
      KernelCase(op: QuantizeLinear(), operands: [x, steps]),
      KernelCase(op: DequantizeLinear(), operands: [image, step, middle]),
      KernelCase(op: FakeQuantize(), operands: [x, step, AnyTensor(Int32(0))]),
      KernelCase(op: CodeTable(), operands: [image, table]),
      KernelCase(op: ConvInteger(), operands: [image, w, middle]),
      KernelCase(op: QLinearConvAdd(), operands: product + [nil, nil, nil, nil, nil]),
      KernelCase(
        op: QLinearConvAdd(QLinearConv(), sumFirst: false),
        operands: product + [codes([3, 4, 3, 3], .u8), step, middle, step, middle]),
      KernelCase(
        op: QLinearConcat(axis: 1),
        operands: [step, middle, image, step, middle, image, steps, middle]),
      KernelCase(
        op: QLinearConcat(axis: 1),
        operands: [step, middle, image, step, middle, image, step, middle]),
      KernelCase(op: QLinearSoftmax(axis: 1), operands: [image, step, middle, step, middle]),
      KernelCase(
        op: QLinearMatMul(),
        operands: [
          image, step, middle, codes([5, 7], .i8), step, zero(0, .i8), step, middle,
        ]),
      KernelCase(
        op: MatMulNBits(inner: 17, columns: 5, bits: 4, blockSize: 16),
        operands: [floats([3, 17]), bytes, floats([5, 2]), nil, nil, nil]),
    ]
  }()
}
