import QATCore

/// The p-norm of each window; padding counts as zeros.
///
///     y = (sum of |x|^p)^(1/p)
///
/// - Operand: `x` float[N, C, spatial...].
/// - Result: float[N, C, spatial...].
/// - Attributes: `p`; `kernel_shape`, `auto_pad`, `ceil_mode`, `dilations`, `pads`, `strides`.
public struct LpPool: Operation {
  public static let name: OpName = "LpPool"
  public static let operands: [OperandSpec] = [.float("x")]
  public static let attributes: [Attribute<Self>] = [
    .init("auto_pad", \.window.autoPad), .init("ceil_mode", \.ceilMode),
    .init("dilations", \.window.dilations), .init("kernel_shape", \.window.kernelShape),
    .init("p", \.p), .init("pads", \.window.pads), .init("strides", \.window.strides),
  ]

  /// Kernel, strides, dilations and padding.
  public var window = WindowAttributes()
  /// Whether the last window may reach beyond the padding.
  public var ceilMode = false
  /// Which norm; 1 or more.
  public var p = 2

  public init() {}
  /// The operation over these windows.
  public init(_ window: WindowAttributes, p: Int = 2, ceilMode: Bool = false) {
    self.window = window
    self.p = p
    self.ceilMode = ceilMode
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    try checkNorm(p)
    let shape = try pooledShape(operands[0].knownShape, window, ceilMode: ceilMode)
    return [TensorType(operands[0].element, shape)]
  }
}

/// Checks that there is a p-norm.
func checkNorm(_ p: Int) throws(Diagnostic) {
  guard (1...1 << 20).contains(p) else {
    throw Diagnostic(.invalidAttribute, "p \(p) is out of range", hint: "p is 1 or more")
  }
}

extension LpPool: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(LpPoolGradient(self), [call.seed, call.operand(0), call.result])]
  }
}
