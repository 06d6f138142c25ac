extension OpRegistry {
  /// Every operation of this folder, by family. A type missing here is missing everywhere.
  public static let builtin = OpRegistry(
    elementwiseOps + shapeOps + convolutionOps + reductionOps + quantizationOps + trainingOps)

  static let elementwiseOps: [any Operation.Type] = [Add.self, Identity.self]
  static let shapeOps: [any Operation.Type] = []
  static let convolutionOps: [any Operation.Type] = []
  static let reductionOps: [any Operation.Type] = []
  static let quantizationOps: [any Operation.Type] = [FakeQuantize.self]
  static let trainingOps: [any Operation.Type] = [SGD.self, Adam.self, GlobalNorm.self]
}
