import QATCore

/// A convolution, what is added to it, and the activation behind: `y = f(conv(X, W) + B + Z)`.
///
/// - Operands: `X`, `W` and `B`, optional, as of `Conv`; `Z` shaped like the result, optional.
/// - Result: [N, M, spatial...].
/// - Attributes: those of `Conv`; `activation`: `Relu`, `Clip` or none; `activation_params`: the bounds
///   of `Clip`.
public struct FusedConv: Operation {
  public static let name: OpName = "com.microsoft.FusedConv"
  public static let operands: [OperandSpec] = [
    .float("X"), .float("W"), .float("B", .optional), .float("Z", .optional),
  ]
  public static let attributes: [Attribute<Self>] =
    Conv.attributes.map { $0.within(\.convolution) } + [
      .init("activation", \.activation), .init("activation_params", \.parameters),
    ]

  /// The convolution alone.
  public var convolution = Conv()
  /// `Relu`, `Clip`, or empty for none.
  public var activation = ""
  /// The bounds of `Clip`.
  public var parameters: [Float] = []

  public init() {}
  /// A convolution without activation.
  public init(_ convolution: Conv) { self.convolution = convolution }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard ["", "Relu", "Clip"].contains(activation),
      parameters.count == (activation == "Clip" ? 2 : 0)
    else {
      throw Diagnostic(
        .invalidAttribute, "activation \"\(activation)\" with \(parameters.count) parameters",
        hint: "use \"Relu\", or \"Clip\" with two")
    }
    let type = try convolution.resultTypes(Operands(Array(operands.all.prefix(3))))[0]
    if let z = operands.optional(3), let shape = z.shape, shape.rank != type.knownShape.rank {
      throw Diagnostic(.shapeMismatch, "\(z) can't be added to \(type)")
    }
    return [type]
  }

  /// What values are kept inside of; `nil` for no activation.
  public var range: ClosedRange<Float>? {
    switch activation {
    case "Relu": 0 ... .infinity
    case "Clip" where parameters.count == 2 && parameters[0] <= parameters[1]:
      parameters[0]...parameters[1]
    default: nil
    }
  }
}

extension FusedConv: OnImages {
  public static var imageOperands: [Int] { [0, 3] }
}
