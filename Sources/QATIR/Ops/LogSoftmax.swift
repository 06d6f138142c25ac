import QATCore

/// `x - log Σ exp(x)`, the sum along `axis`.
public struct LogSoftmax: AxisNormalizing {
  public static let name: OpName = "LogSoftmax"
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]
  public var axis = -1
  public init() {}
  public init(axis: Int) { self.axis = axis }
}

extension LogSoftmax: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(LogSoftmaxGradient(axis: axis), [call.seed, call.result])]
  }
}
