import QATCore

/// `dx = dy - exp(y) · Σ dy`, the sum along `axis`: the gradient of `LogSoftmax`, by its result `y`.
public struct LogSoftmaxGradient: AxisNormalizingGradient {
  public static let name: OpName = "qat.LogSoftmaxGradient"
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]
  public var axis = -1
  public init() {}
  public init(axis: Int) { self.axis = axis }
}
