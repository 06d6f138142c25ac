import QATIR

// Loops over elements that read those of one place and write there.

/// Whose first result may lie where its first operand does.
private protocol OverwritesFirst: OverwritesOperand {}
extension OverwritesFirst {
  public func overwritableOperands(by result: Int) -> [Int] { result == 0 ? [0] : [] }
}

/// Whose first result may lie where one of its first two operands does.
private protocol OverwritesEither: OverwritesOperand {}
extension OverwritesEither {
  public func overwritableOperands(by result: Int) -> [Int] { result == 0 ? [0, 1] : [] }
}

extension Relu: OverwritesFirst {}
extension Clip: OverwritesFirst {}
extension LeakyRelu: OverwritesFirst {}
extension Sigmoid: OverwritesFirst {}
extension HardSigmoid: OverwritesFirst {}
extension HardSwish: OverwritesFirst {}
extension Tanh: OverwritesFirst {}
extension Erf: OverwritesFirst {}
extension Gelu: OverwritesFirst {}
extension Exp: OverwritesFirst {}
extension Sqrt: OverwritesFirst {}
extension Abs: OverwritesFirst {}
extension Ceil: OverwritesFirst {}
extension Celu: OverwritesFirst {}
extension Elu: OverwritesFirst {}
extension Mish: OverwritesFirst {}
extension Neg: OverwritesFirst {}
extension PRelu: OverwritesFirst {}
extension Selu: OverwritesFirst {}
extension Softplus: OverwritesFirst {}
extension Swish: OverwritesFirst {}
extension ApplyMask: OverwritesFirst {}
extension LearnedQuantizeGradient: OverwritesFirst {}
extension ReluGradient: OverwritesEither {}
extension Add: OverwritesEither {}
extension Sub: OverwritesEither {}
extension Mul: OverwritesEither {}
extension Div: OverwritesEither {}
extension FakeQuantizeGradient: OverwritesEither {}
extension BatchNormalizationGradient: OverwritesEither {}

extension SGD: OverwritesOperand {
  public func overwritableOperands(by result: Int) -> [Int] { [[0], [2]][result] }
}
extension Adam: OverwritesOperand {
  public func overwritableOperands(by result: Int) -> [Int] { [[0], [2], [3]][result] }
}

extension Nhwc: OverwritesOperand {
  public func overwritableOperands(by result: Int) -> [Int] {
    (base as? any OverwritesOperand)?.overwritableOperands(by: result) ?? []
  }
}
