import QATCore

/// A convolution of codes with channels last, and the sum of its result with other codes: what
/// `com.microsoft.QLinearAdd` computes behind `com.microsoft.QLinearConv`.
///
/// - Operands: the nine of `NhwcQLinearConv` (an absent `B` is an absent operand); `A` codes shaped
///   like the result, with scale and zero point []; `C_scale`, `C_zero_point` [] of the sum.
/// - Result: of the type of `C_zero_point`, [N, spatial..., M].
/// - Attributes: those of `NhwcQLinearConv`; `sum_first`: `A` is the first operand of the sum, whose
///   rule tells the two apart.
public struct NhwcQLinearConvAdd: Operation {
  public static let name: OpName = "qat.NhwcQLinearConvAdd"
  public static let operands: [OperandSpec] = [
    .codes8("x", as: "T1"), .f32("x_scale"), .codes8("x_zero_point", as: "T1"),
    .codes8("w", as: "T2"), .f32("w_scale"), .codes8("w_zero_point", as: "T2"),
    .f32("y_scale"), .codes8("y_zero_point", as: "T3"),
    OperandSpec("B", [.i32], as: nil, .optional),
    .codes8("A", as: "T3"), .f32("A_scale"), .codes8("A_zero_point", as: "T3"),
    .f32("C_scale"), .codes8("C_zero_point", as: "T3"),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("auto_pad", \.window.autoPad), .init("dilations", \.window.dilations),
    .init("group", \.group), .init("kernel_shape", \.window.kernelShape),
    .init("pads", \.window.pads), .init("strides", \.window.strides),
    .init("sum_first", \.sumFirst),
  ]

  public var window = WindowAttributes()
  public var group = 1
  public var sumFirst = false

  public init() {}
  public init(_ op: NhwcQLinearConv, sumFirst: Bool) {
    window = op.window
    group = op.group
    self.sumFirst = sumFirst
  }

  /// The convolution alone.
  public var convolution: NhwcQLinearConv { NhwcQLinearConv(QLinearConv(window, group: group)) }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let product = try convolution.resultTypes(Operands(Array(operands.all.prefix(9))))[0]
    try checkQuantization(operands, scale: 10, zeroPoint: 11)
    try checkQuantization(operands, scale: 12, zeroPoint: 13)
    guard operands[9].shape == product.shape else {
      throw Diagnostic(
        .shapeMismatch, "codes of shape \(operands[9]) can't be added to \(product)")
    }
    return [TensorType(operands[13].element, product.knownShape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands.optional(13)?.element ?? .u8]
  }
}
