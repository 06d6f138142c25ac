/// An operation whose operands are codes and that computes on them, not on what they stand for.
public protocol ComputesOnIntegers: Operation {}

/// One that multiplies and adds: where a quantized model spends its time.
public protocol IntegerProductOperation: ComputesOnIntegers {}

extension QLinearConv: IntegerProductOperation {}
extension QLinearConvAdd: IntegerProductOperation {}
extension Nhwc: ComputesOnIntegers where Base: ComputesOnIntegers {}
extension Nhwc: IntegerProductOperation where Base: IntegerProductOperation {}
extension CodeTable: ComputesOnIntegers {}
extension QLinearMatMul: IntegerProductOperation {}
extension QGemm: IntegerProductOperation {}
extension ConvInteger: IntegerProductOperation {}
extension MatMulInteger: IntegerProductOperation {}
extension MatMulIntegerToFloat: IntegerProductOperation {}
extension DynamicQuantizeMatMul: IntegerProductOperation {}
extension QLinearAdd: ComputesOnIntegers {}
extension QLinearMul: ComputesOnIntegers {}
extension QLinearConcat: ComputesOnIntegers {}
extension QLinearAveragePool: ComputesOnIntegers {}
extension QLinearGlobalAveragePool: ComputesOnIntegers {}
extension QLinearSigmoid: ComputesOnIntegers {}
extension QLinearLeakyRelu: ComputesOnIntegers {}
extension QLinearSoftmax: ComputesOnIntegers {}
