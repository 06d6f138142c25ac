extension OpRegistry {
  /// Every operation of this folder, by family. A type missing here is missing everywhere.
  public static let builtin = OpRegistry(
    elementwiseOps + shapeOps + convolutionOps + reductionOps + quantizationOps + trainingOps
      + channelsLastOps)

  static let elementwiseOps: [any Operation.Type] = [
    Abs.self, Add.self, And.self, BatchNormalization.self, Cast.self, CastLike.self,
    Clip.self,
    DequantizeLinear.self, Div.self, Dropout.self, Equal.self, Erf.self, Exp.self, Floor.self,
    Gelu.self, Greater.self, GreaterOrEqual.self, HardSigmoid.self, HardSwish.self,
    Identity.self, LayerNormalization.self, LeakyRelu.self, Less.self, LessOrEqual.self,
    Log.self, LogSoftmax.self, Max.self, Min.self, Mul.self, Neg.self, Not.self, Or.self,
    Pow.self, Reciprocal.self, Relu.self, Sigmoid.self, Sign.self, Softmax.self, Sqrt.self,
    Sub.self, Sum.self, Tanh.self, Where.self,
  ]
  static let shapeOps: [any Operation.Type] = [
    Concat.self, Constant.self, ConstantOfShape.self, Expand.self, Flatten.self, Gather.self,
    Pad.self, Reshape.self, ShapeOp.self, Size.self, Slice.self, Split.self, Squeeze.self,
    Transpose.self, Unsqueeze.self,
  ]
  static let convolutionOps: [any Operation.Type] = [
    AveragePool.self, Conv.self, ConvTranspose.self, FusedConv.self, Gemm.self,
    GlobalAveragePool.self,
    GlobalMaxPool.self, MatMul.self, MaxPool.self,
  ]
  static let reductionOps: [any Operation.Type] = [
    ReduceMax.self, ReduceMean.self, ReduceMin.self, ReduceSum.self,
  ]
  static let quantizationOps: [any Operation.Type] = [
    CodeTable.self, ConvInteger.self, DynamicQuantizeLinear.self, DynamicQuantizeMatMul.self,
    MatMulInteger.self, MatMulIntegerToFloat.self, MatMulNBits.self, QLinearConvAdd.self,
    QGemm.self,
    QLinearAdd.self, QLinearAveragePool.self, QLinearConcat.self, QLinearConv.self,
    QLinearGlobalAveragePool.self, QLinearLeakyRelu.self, QLinearMatMul.self, QLinearMul.self,
    QLinearSigmoid.self, QLinearSoftmax.self, QuantizeLinear.self,
  ]
  static let channelsLastOps: [any Operation.Type] = [
    Nhwc<AveragePool>.self, Nhwc<AveragePoolGradient>.self, Nhwc<BatchNormalization>.self,
    Nhwc<BatchNormalizationGradient>.self, Nhwc<Conv>.self, Nhwc<ConvInputGradient>.self,
    Nhwc<ConvIntegerToFloat>.self,
    Nhwc<ConvWeightGradient>.self,
    Nhwc<FusedConv>.self, Nhwc<GlobalAveragePool>.self,
    Nhwc<GlobalAveragePoolGradient>.self, Nhwc<MaxPoolGradient>.self,
    Nhwc<MaxPool>.self, Nhwc<QLinearAveragePool>.self, Nhwc<QLinearConv>.self,
    Nhwc<QLinearConvAdd>.self, Nhwc<QLinearGlobalAveragePool>.self,
  ]
  static let trainingOps: [any Operation.Type] = [
    ApplyMask.self, ConvIntegerToFloat.self, DequantizeCodes.self, GemmIntegerToFloat.self,
    QuantizeWithMask.self,
    Adam.self, Assign.self, AveragePoolGradient.self, BatchNormalizationCorrection.self,
    BatchNormalizationCorrectionGradient.self, BatchNormalizationGradient.self,
    BatchNormalizationInferenceGradient.self, BinaryCrossEntropy.self, ChannelSum.self,
    ClipGradient.self, ConcatGradient.self, ConvInputGradient.self,
    ConvTransposeInputGradient.self, ConvTransposeWeightGradient.self, ConvWeightGradient.self,
    ExpandLike.self, FakeQuantize.self, FakeQuantizeBias.self, FakeQuantizeGradient.self,
    FoldedBatchNormalization.self, FoldedBiasRounding.self, GatherGradient.self,
    GlobalAveragePoolGradient.self,
    GlobalMaxPoolGradient.self, GlobalNorm.self, LayerNormalizationGradient.self,
    LearnRange.self, LearnedQuantizeGradient.self, LogSoftmaxGradient.self, MaxPoolGradient.self,
    MeanAbsoluteError.self,
    MeanSquaredError.self, MinMax.self, Observe.self, PadGradient.self, ProjectLearned.self,
    ReduceLike.self,
    ReluGradient.self, ReshapeLike.self, SGD.self, ScaleFromLearned.self, ScaleFromRange.self,
    SliceGradient.self,
    SoftmaxCrossEntropy.self, SoftmaxCrossEntropyGradient.self, SoftmaxGradient.self,
    SteppedDropout.self, StopGradient.self,
  ]
}
