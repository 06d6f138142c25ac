import QATCore

/// An activation function of a recurrent layer.
public struct RecurrentActivation: Sendable, Equatable {
  /// Which function of x it is.
  public enum Kind: String, Sendable, CaseIterable {
    /// alpha · x + beta
    case affine = "Affine"
    /// x, or alpha · (eˣ - 1) below 0
    case elu = "Elu"
    /// alpha · x + beta inside 0...1
    case hardSigmoid = "HardSigmoid"
    /// x, or alpha · x below 0
    case leakyRelu = "LeakyRelu"
    /// x, or 0 below 0
    case relu = "Relu"
    /// alpha · tanh(beta · x)
    case scaledTanh = "ScaledTanh"
    /// 1 / (1 + e⁻ˣ)
    case sigmoid = "Sigmoid"
    /// log(1 + eˣ)
    case softplus = "Softplus"
    /// x / (1 + |x|)
    case softsign = "Softsign"
    /// tanh(x)
    case tanh = "Tanh"
    /// x, or 0 where it is not above alpha
    case thresholdedRelu = "ThresholdedRelu"
  }

  /// Which function it is.
  public let kind: Kind
  /// The first parameter; 0 where the function has none.
  public let alpha: Float
  /// The second parameter; 0 where the function has none.
  public let beta: Float

  /// A function with its parameters.
  public init(_ kind: Kind, alpha: Float = 0, beta: Float = 0) {
    self.kind = kind
    self.alpha = alpha
    self.beta = beta
  }

  /// Takes what parameters it has off the front of the lists; its defaults where they are used up.
  /// - Throws: `invalid-attribute` for an unknown name; case does not count.
  init(
    _ name: String, alphas: inout ArraySlice<Float>, betas: inout ArraySlice<Float>
  ) throws(Diagnostic) {
    guard let kind = Kind.allCases.first(where: { $0.rawValue.lowercased() == name.lowercased() })
    else {
      throw Diagnostic(
        .invalidAttribute, "no activation is called '\(name)'",
        hint: nameHint(name, among: Kind.allCases.map(\.rawValue)))
    }
    let (alpha, beta) = Self.defaults[kind] ?? (nil, nil)
    self.kind = kind
    self.alpha = alpha.map { alphas.popFirst() ?? $0 } ?? 0
    self.beta = beta.map { betas.popFirst() ?? $0 } ?? 0
  }

  /// The parameters of those functions that have some, where the model does not say them.
  private static let defaults: [Kind: (alpha: Float?, beta: Float?)] = [
    .affine: (1, 0), .elu: (1, nil), .hardSigmoid: (0.2, 0.5), .leakyRelu: (0.01, nil),
    .scaledTanh: (1, 1), .thresholdedRelu: (1, nil),
  ]
}
