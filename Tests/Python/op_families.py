"""ONNX's operations that the project supports, by family: what conformance runs and docs list."""

FAMILIES = {
    "Quantization": """
        QuantizeLinear DequantizeLinear DynamicQuantizeLinear QLinearConv QLinearMatMul ConvInteger
        MatMulInteger com.microsoft.QLinearAdd com.microsoft.QLinearMul com.microsoft.QLinearConcat
        com.microsoft.QLinearGlobalAveragePool com.microsoft.QLinearAveragePool
        com.microsoft.QLinearSigmoid com.microsoft.QLinearLeakyRelu com.microsoft.QLinearSoftmax
        com.microsoft.QGemm com.microsoft.MatMulNBits com.microsoft.MatMulIntegerToFloat
        com.microsoft.DynamicQuantizeMatMul""",
    "Convolution, products, pooling": """
        Conv ConvTranspose Gemm MatMul MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool
        GlobalLpPool LRN Resize Upsample Einsum""",
    "Normalization, attention, recurrent": """
        BatchNormalization InstanceNormalization LayerNormalization GroupNormalization
        RMSNormalization Attention RotaryEmbedding LSTM GRU RNN Dropout""",
    "Activations": """
        Relu LeakyRelu PRelu Elu Selu Celu Softplus Softsign Sigmoid HardSigmoid HardSwish Mish Swish
        Tanh Erf Gelu Softmax LogSoftmax Clip ThresholdedRelu""",
    "Element-wise": """
        Add Sub Mul Div Pow Sqrt Exp Log Neg Abs Sign Reciprocal Mod Max Min Sum Mean Floor Ceil Round
        Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Equal Greater GreaterOrEqual Less
        LessOrEqual And Or Xor Not BitShift BitwiseAnd BitwiseOr BitwiseXor BitwiseNot Where Cast
        CastLike IsNaN IsInf Identity""",
    "Reductions and search": """
        ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd
        ReduceSum ReduceSumSquare ArgMax ArgMin TopK CumSum NonZero OneHot""",
    "Shape and movement": """
        Constant ConstantOfShape Shape Size Reshape Flatten Squeeze Unsqueeze Transpose Concat Split
        Slice Gather GatherElements GatherND Scatter ScatterElements ScatterND Expand Tile Pad
        DepthToSpace SpaceToDepth Range Trilu EyeLike""",
    "Control flow": "If Loop Scan",
}

#: Every operation's name with its domain, and its family.
FAMILY_OF = {op: family for family, ops in FAMILIES.items() for op in ops.split()}


def qualified(node):
    """A node's operation as the table names it."""
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
