import QATCore

/// The mean of each window.
///
/// - Operand: `x` float[N, C, spatial...].
/// - Result: float[N, C, spatial...].
/// - Attributes: `kernel_shape`, `auto_pad`, `ceil_mode`, `dilations`, `pads`, `strides`, and
///   `count_include_pad`: whether positions in the padding are counted (as zeros). What a window
///   reaches beyond the padding, with `ceil_mode`, is never counted.
public struct AveragePool: Operation {
  public static let name: OpName = "AveragePool"
  public static let operands: [OperandSpec] = [.float("x")]
  public static let attributes: [Attribute<Self>] = [
    .init("auto_pad", \.window.autoPad), .init("ceil_mode", \.ceilMode),
    .init("count_include_pad", \.countIncludePad), .init("dilations", \.window.dilations),
    .init("kernel_shape", \.window.kernelShape), .init("pads", \.window.pads),
    .init("strides", \.window.strides),
  ]

  /// Kernel, strides, dilations and padding.
  public var window = WindowAttributes()
  /// Whether the last window may reach beyond the padding.
  public var ceilMode = false
  /// Whether padding counts in the averages.
  public var countIncludePad = false

  public init() {}
  /// The operation over these windows.
  public init(_ window: WindowAttributes, ceilMode: Bool = false, countIncludePad: Bool = false) {
    self.window = window
    self.ceilMode = ceilMode
    self.countIncludePad = countIncludePad
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shape = try pooledShape(operands[0].knownShape, window, ceilMode: ceilMode)
    return [TensorType(operands[0].element, shape)]
  }
}

extension AveragePool: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(AveragePoolGradient(self), [call.seed, call.operand(0)])]
  }
}
