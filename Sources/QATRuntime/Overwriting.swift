import QATIR

// Loops over elements that read those of one place and write there.

extension Relu: OverwritesOperand { public var overwritableOperands: [Int] { [0] } }
extension ReluGradient: OverwritesOperand { public var overwritableOperands: [Int] { [0, 1] } }
extension Add: OverwritesOperand { public var overwritableOperands: [Int] { [0, 1] } }
extension ApplyMask: OverwritesOperand { public var overwritableOperands: [Int] { [0] } }
extension FakeQuantizeGradient: OverwritesOperand {
  public var overwritableOperands: [Int] { [0, 1] }
}
extension BatchNormalizationGradient: OverwritesOperand {
  public var overwritableOperands: [Int] { [0, 1] }
}
extension Nhwc: OverwritesOperand {
  public var overwritableOperands: [Int] {
    (base as? any OverwritesOperand)?.overwritableOperands ?? []
  }
}
