import QATCore

/// The largest element of each window; padding never wins.
///
/// - Operand: `x` [N, C, spatial...], float or 8-bit codes.
/// - Results: `y` [N, C, spatial...]; `indices` i64 of the same shape, optional: the offset of the
///   winner in the whole of `x`, the first of equals.
/// - Attributes: `kernel_shape`, `auto_pad`, `ceil_mode` (count a last window that is cut short),
///   `dilations`, `pads`, `strides`, `storage_order` of the indices: 0 row-major, 1 column-major
///   over the spatial axes.
public struct MaxPool: Operation {
  public static let name: OpName = "MaxPool"
  public static let operands: [OperandSpec] = [
    OperandSpec("x", .floats.union(Set<ElementType>.codes8), as: "T")
  ]
  public static let results: [ResultSpec] = ["y", ResultSpec("indices", .optional)]
  public static let attributes: [Attribute<Self>] = [
    .init("auto_pad", \.window.autoPad), .init("ceil_mode", \.ceilMode),
    .init("dilations", \.window.dilations), .init("kernel_shape", \.window.kernelShape),
    .init("pads", \.window.pads), .init("storage_order", \.storageOrder),
    .init("strides", \.window.strides),
  ]

  /// Kernel, strides, dilations and padding.
  public var window = WindowAttributes()
  /// Whether the last window may reach beyond the padding.
  public var ceilMode = false
  /// 0 for row-major indices, 1 for column-major.
  public var storageOrder = 0

  public init() {}
  /// The operation over these windows.
  public init(_ window: WindowAttributes, ceilMode: Bool = false, storageOrder: Int = 0) {
    self.window = window
    self.ceilMode = ceilMode
    self.storageOrder = storageOrder
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard (0...1).contains(storageOrder) else {
      throw Diagnostic(.invalidAttribute, "storage_order \(storageOrder) is neither 0 nor 1")
    }
    let shape = try pooledShape(operands[0].knownShape, window, ceilMode: ceilMode)
    return [TensorType(operands[0].element, shape), TensorType(.i64, shape)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [operands[0].element, .i64] }
}

/// The shape of a pooling's result.
func pooledShape(
  _ x: Shape, _ window: WindowAttributes, ceilMode: Bool
) throws(Diagnostic) -> Shape {
  guard x.rank >= 3 else {
    throw Diagnostic(
      .shapeMismatch, "x has shape \(x), expected a batch, channels and spatial axes",
      hint: "insert an Unsqueeze")
  }
  let spatial = try window.outputDimensions(
    Array(x.dimensions.dropFirst(2)), kernel: window.kernelShape.map { Dimension($0) },
    ceilMode: ceilMode)
  return Shape([x[0], x[1]] + spatial)
}

extension MaxPool: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(MaxPoolGradient(self), [call.seed, call.operand(0)])]
  }
}
