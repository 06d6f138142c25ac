extension OpRegistry {
  /// Every operation of this folder, by family. A type missing here is missing everywhere.
  public static let builtin = OpRegistry(
    elementwiseOps + shapeOps + convolutionOps + reductionOps + quantizationOps + trainingOps)

  static let elementwiseOps: [any Operation.Type] = [Add.self, Identity.self]
  static let shapeOps: [any Operation.Type] = [
    Concat.self, ConcatGradient.self, Constant.self, ConstantOfShape.self, Flatten.self,
    Gather.self, GatherGradient.self, Pad.self, PadGradient.self, Reshape.self, ShapeOp.self,
    Size.self, Slice.self, SliceGradient.self, Split.self, Squeeze.self, Transpose.self,
    Unsqueeze.self,
  ]
  static let convolutionOps: [any Operation.Type] = [
    AveragePool.self, AveragePoolGradient.self, ChannelSum.self, Conv.self, ConvInputGradient.self,
    ConvTranspose.self, ConvTransposeInputGradient.self, ConvTransposeWeightGradient.self,
    ConvWeightGradient.self, Gemm.self, GlobalAveragePool.self, GlobalAveragePoolGradient.self,
    GlobalMaxPool.self, GlobalMaxPoolGradient.self, MatMul.self, MaxPool.self, MaxPoolGradient.self,
  ]
  static let reductionOps: [any Operation.Type] = []
  static let quantizationOps: [any Operation.Type] = [
    QuantizeLinear.self, DequantizeLinear.self, DynamicQuantizeLinear.self, QLinearConv.self,
    ConvInteger.self, QLinearMatMul.self, MatMulInteger.self, QGemm.self, QLinearAdd.self,
    QLinearMul.self, QLinearConcat.self, QLinearAveragePool.self, QLinearGlobalAveragePool.self,
    QLinearSigmoid.self, QLinearLeakyRelu.self, QLinearSoftmax.self,
  ]
  static let trainingOps: [any Operation.Type] = [
    FakeQuantize.self, FakeQuantizeGradient.self, FakeQuantizeBias.self, MinMax.self,
    ScaleFromRange.self, Observe.self, Assign.self,
  ]
}
