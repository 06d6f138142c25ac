// Which operands and results of float operations, and of their gradients, are images.

extension Conv: OnImages {}
extension ConvInputGradient: OnImages {
  public static var imageOperands: [Int] { [0, 2] }
}
extension ConvWeightGradient: OnImages {
  public static var imageOperands: [Int] { [0, 1] }
  public static var imageResults: [Int] { [] }
}
extension MaxPoolGradient: OnImages {
  public static var imageOperands: [Int] { [0, 1] }
}
extension AveragePool: OnImages {}
extension AveragePoolGradient: OnImages {
  public static var imageOperands: [Int] { [0, 1] }
}
extension GlobalAveragePool: OnImages {}
extension GlobalAveragePoolGradient: OnImages {
  public static var imageOperands: [Int] { [0, 1] }
}
extension BatchNormalization: OnImages {}
extension BatchNormalizationGradient: OnImages {
  public static var imageOperands: [Int] { [0, 1] }
}
