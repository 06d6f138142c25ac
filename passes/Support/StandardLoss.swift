import QATCore
import QATIR

/// The losses that come with the package: `.crossEntropy`, `.mse`, `.bce` and `.l1`.
public struct StandardLoss: Loss {
  /// Which one.
  public var kind: AttachLoss.Kind

  /// The loss of that name.
  public init(_ kind: AttachLoss.Kind) { self.kind = kind }

  public var text: String { kind.rawValue }

  public func emit(in step: inout LossBuilder) throws(Diagnostic) -> ValueID {
    let output = try step.output()
    // The loss contains the function that the model may end in.
    let prediction =
      switch kind {
      case .crossEntropy: step.operand(of: Softmax.self, behind: output)
      case .bce: step.operand(of: Sigmoid.self, behind: output)
      case .mse, .l1: output
      }
    let op: any Operation =
      switch kind {
      case .crossEntropy: SoftmaxCrossEntropy()
      case .mse: MeanSquaredError()
      case .bce: BinaryCrossEntropy()
      case .l1: MeanAbsoluteError()
      }
    let target = try step.target(of: output, targetType(step.builder.type(of: output)))
    return step.builder.emit(op, [prediction, target], name: "loss")
  }

  /// Class numbers, one a sample, or targets shaped like the output.
  private func targetType(_ output: TensorType) -> TensorType {
    guard kind == .crossEntropy else { return output }
    return TensorType(.i64, output.shape.map { Shape(Array($0.dimensions.prefix(1))) })
  }
}

extension Loss where Self == StandardLoss {
  /// Cross entropy of logits with class numbers.
  public static var crossEntropy: StandardLoss { StandardLoss(.crossEntropy) }
  /// The mean of the squares of the differences.
  public static var mse: StandardLoss { StandardLoss(.mse) }
  /// Binary cross entropy of logits with targets in 0…1.
  public static var bce: StandardLoss { StandardLoss(.bce) }
  /// The mean of the magnitudes of the differences.
  public static var l1: StandardLoss { StandardLoss(.l1) }
}
