extension OpRegistry {
  /// Every operation of this folder, by family. A type missing here is missing everywhere.
  public static let builtin = OpRegistry(
    elementwiseOps + shapeOps + convolutionOps + reductionOps + quantizationOps + trainingOps)

  static let elementwiseOps: [any Operation.Type] = [
    Abs.self, Add.self, And.self, BatchNormalization.self, Cast.self, Clip.self, Div.self,
    Dropout.self, Equal.self, Erf.self, Exp.self, Expand.self, Floor.self, Gelu.self, Greater.self,
    GreaterOrEqual.self, HardSigmoid.self, HardSwish.self, Identity.self, LayerNormalization.self,
    LeakyRelu.self, Less.self, LessOrEqual.self, Log.self, LogSoftmax.self, Max.self, Min.self,
    Mul.self, Neg.self, Not.self, Or.self, Pow.self, Reciprocal.self, Relu.self, Sigmoid.self,
    Sign.self, Softmax.self, Sqrt.self, Sub.self, Sum.self, Tanh.self, Where.self,
  ]
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
  static let reductionOps: [any Operation.Type] = [
    ReduceMax.self, ReduceMean.self, ReduceMin.self, ReduceSum.self,
  ]
  static let quantizationOps: [any Operation.Type] = [FakeQuantize.self]
  static let trainingOps: [any Operation.Type] = [
    BatchNormalizationGradient.self, BatchNormalizationInferenceGradient.self,
    BinaryCrossEntropy.self, ExpandLike.self, LayerNormalizationGradient.self,
    LogSoftmaxGradient.self, MeanAbsoluteError.self, MeanSquaredError.self, ReduceLike.self,
    ReluGradient.self, ReshapeLike.self, SoftmaxCrossEntropy.self,
    SoftmaxCrossEntropyGradient.self, SoftmaxGradient.self,
  ]
}
