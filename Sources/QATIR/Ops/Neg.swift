import QATCore

/// `-x`.
public struct Neg: UnaryElementwise, ShapeArithmetic {
  public static let name: OpName = "Neg"
  public static let elements: Set<ElementType> = .signed
  public init() {}

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    operands.dimensions(0).flatMap { dimensions in
      let negative = dimensions.compactMap { $0.integer.map { Dimension(signed: -$0) } }
      return negative.count == dimensions.count ? negative : nil
    }
  }
}

extension Neg: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] { [builder.emit(Neg(), [call.seed])] }
}
