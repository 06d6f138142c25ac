extension OpRegistry {
  /// Every operation of this folder, by family. A type missing here is missing everywhere.
  public static let builtin = OpRegistry(
    controlFlowOps + elementwiseOps + shapeOps + convolutionOps + reductionOps + normalizationOps
      + sequenceOps + quantizationOps + trainingOps + channelsLastOps)

  static let controlFlowOps: [any Operation.Type] = [If.self, Loop.self, Scan.self]
  static let elementwiseOps: [any Operation.Type] = [
    Abs.self, Acos.self, Acosh.self, Add.self, And.self, Asin.self, Asinh.self, Atan.self,
    Atanh.self, BitShift.self, BitwiseAnd.self, BitwiseNot.self,
    BitwiseOr.self, BitwiseXor.self, Cast.self, CastLike.self, Ceil.self, Celu.self, Clip.self,
    Cos.self,
    Cosh.self, DequantizeLinear.self, Div.self, Dropout.self, Elu.self, Equal.self, Erf.self,
    Exp.self, Floor.self, Gelu.self, Greater.self, GreaterOrEqual.self, HardSigmoid.self,
    HardSwish.self, Identity.self, IsInf.self, IsNaN.self, LeakyRelu.self,
    Less.self, LessOrEqual.self, Log.self, LogSoftmax.self, Max.self, Mean.self, Min.self,
    Mish.self, Mod.self, Mul.self, Neg.self, Not.self, Or.self, PRelu.self, Pow.self,
    Reciprocal.self, Relu.self, Round.self, Selu.self, Sigmoid.self, Sign.self, Sin.self, Sinh.self,
    Softmax.self, Softplus.self, Softsign.self, Sqrt.self, Sub.self, Sum.self, Swish.self, Tan.self,
    Tanh.self, ThresholdedRelu.self, Where.self, Xor.self,
  ]
  static let shapeOps: [any Operation.Type] = [
    Concat.self, Constant.self, ConstantOfShape.self, DepthToSpace.self, Expand.self, EyeLike.self,
    Flatten.self, Gather.self, GatherElements.self, GatherND.self, Pad.self, RangeOp.self,
    Reshape.self, ScatterElements.self, ScatterND.self, ShapeOp.self, Size.self, Slice.self,
    SpaceToDepth.self, Split.self, Squeeze.self, Tile.self, Transpose.self, Trilu.self,
    Unsqueeze.self,
  ]
  static let convolutionOps: [any Operation.Type] = [
    AveragePool.self, Conv.self, ConvTranspose.self, Einsum.self, FusedConv.self, Gemm.self,
    GlobalAveragePool.self, GlobalLpPool.self, GlobalMaxPool.self, LRN.self, LpPool.self,
    MatMul.self, MaxPool.self, Resize.self,
  ]
  static let reductionOps: [any Operation.Type] = [
    ArgMax.self, ArgMin.self, CumSum.self, NonZero.self, OneHot.self, ReduceL1.self, ReduceL2.self,
    ReduceLogSum.self, ReduceLogSumExp.self, ReduceMax.self, ReduceMean.self, ReduceMin.self,
    ReduceProd.self, ReduceSum.self, ReduceSumSquare.self, TopK.self,
  ]
  static let normalizationOps: [any Operation.Type] = [
    BatchNormalization.self, GroupNormalization.self, InstanceNormalization.self,
    LayerNormalization.self, RMSNormalization.self,
  ]
  static let sequenceOps: [any Operation.Type] = [
    Attention.self, GRU.self, LSTM.self, RNN.self, RecurrentGradient<GRU>.self,
    RecurrentGradient<LSTM>.self, RecurrentGradient<RNN>.self, RotaryEmbedding.self,
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
    GemmScaleGradient.self, OfCodes<Gemm>.self, OfCodes<Nhwc<ConvWeightGradient>>.self,
    QuantizeWithMask.self,
    Adam.self, Assign.self, AveragePoolGradient.self, BatchNormalizationCorrection.self,
    BatchNormalizationCorrectionGradient.self, BatchNormalizationGradient.self,
    BatchNormalizationInferenceGradient.self, BinaryCrossEntropy.self, ChannelSum.self,
    ClipGradient.self, ConcatGradient.self, ConvInputGradient.self,
    ConvTransposeInputGradient.self, ConvTransposeWeightGradient.self, ConvWeightGradient.self,
    ExpandLike.self, FakeQuantize.self, FakeQuantizeBias.self, FakeQuantizeGradient.self,
    FoldedBatchNormalization.self, FoldedBiasRounding.self, GatherGradient.self,
    GatherNDGradient.self,
    GlobalAveragePoolGradient.self,
    GlobalMaxPoolGradient.self, GlobalNorm.self, LRNGradient.self, LayerNormalizationGradient.self,
    LearnRange.self, LearnedQuantizeGradient.self, LearnedSGD.self, LogSoftmaxGradient.self,
    LpPoolGradient.self,
    MaxPoolGradient.self,
    MeanAbsoluteError.self,
    MeanSquaredError.self, MinMax.self, Observe.self, PadGradient.self, ProjectLearned.self,
    ReduceLike.self,
    ReluGradient.self, ReshapeLike.self, ResizeGradient.self, SGD.self, ScaleDerivative.self,
    ScaleFromLearned.self,
    ScaleFromRange.self,
    SliceGradient.self,
    SoftmaxCrossEntropy.self, SoftmaxCrossEntropyGradient.self, SoftmaxGradient.self,
    SteppedDropout.self, StopGradient.self, TileGradient.self, TopKGradient.self,
  ]
}
