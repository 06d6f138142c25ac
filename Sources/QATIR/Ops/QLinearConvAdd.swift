import QATCore

/// A convolution of codes, and the sum of its result with other codes: what
/// `com.microsoft.QLinearAdd` computes behind `QLinearConv`.
///
/// - Operands: the nine of `QLinearConv` (an absent `B` is an absent operand); `A` codes shaped like
///   the result, with scale and zero point []; `C_scale`, `C_zero_point` [] of the sum.
/// - Result: of the type of `C_zero_point`, [N, M, spatial...].
/// - Attributes: those of `QLinearConv`; `sum_first`: `A` is the first operand of the sum, whose rule
///   tells the two apart.
public struct QLinearConvAdd: Operation {
  public static let name: OpName = "qat.QLinearConvAdd"
  public static let operands: [OperandSpec] =
    QLinearConv.operands + [
      .codes8("A", as: "T3"), .f32("A_scale"), .codes8("A_zero_point", as: "T3"),
      .f32("C_scale"), .codes8("C_zero_point", as: "T3"),
    ]
  public static let attributes: [Attribute<Self>] =
    QLinearConv.attributes.map { $0.within(\.convolution) } + [.init("sum_first", \.sumFirst)]

  /// The convolution alone.
  public var convolution = QLinearConv()
  /// Whether `A` is the first operand of the sum.
  public var sumFirst = false

  public init() {}
  /// A convolution and the sum behind it.
  public init(_ convolution: QLinearConv, sumFirst: Bool) {
    self.convolution = convolution
    self.sumFirst = sumFirst
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let product = try convolution.resultTypes(Operands(Array(operands.all.prefix(9))))[0]
    try checkQuantization(operands, scale: 10, zeroPoint: 11)
    try checkQuantization(operands, scale: 12, zeroPoint: 13)
    guard operands[9].shape == product.shape else {
      throw Diagnostic(.shapeMismatch, "codes of shape \(operands[9]) can't be added to \(product)")
    }
    return [TensorType(operands[13].element, product.knownShape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands.optional(13)?.element ?? .u8]
  }
}

extension QLinearConvAdd: OnImages {
  public static var imageOperands: [Int] { [0, 9] }
}
