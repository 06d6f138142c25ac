import QATCore

/// `exp(x) / Σ exp(x)`, the sum along `axis`.
public struct Softmax: AxisNormalizing {
  public static let name: OpName = "Softmax"
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]
  public var axis = -1
  public init() {}
  public init(axis: Int) { self.axis = axis }
}

extension Softmax: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(SoftmaxGradient(axis: axis), [call.seed, call.result])]
  }
}
