import QATCore

/// `dx = y · (dy - Σ dy·y)`, the sum along `axis`: the gradient of `Softmax`, by its result `y`.
public struct SoftmaxGradient: AxisNormalizingGradient {
  public static let name: OpName = "qat.SoftmaxGradient"
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]
  public var axis = -1
  public init() {}
  public init(axis: Int) { self.axis = axis }
}
