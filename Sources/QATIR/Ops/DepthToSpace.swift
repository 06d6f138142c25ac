import QATCore

/// In which order the depth of an image holds the pixels of its blocks.
public enum BlockOrder: String, AttributeConvertible {
  /// Depth, column, row: all channels of a block's first pixel, then those of its second one, ….
  case depthFirst = "DCR"
  /// Column, row, depth: all pixels of a block's first channel, then those of its second one, ….
  case columnFirst = "CRD"
}

/// Moves channels into blocks of pixels: "pixel shuffle".
///
///     y[n, c, h*s + i, w*s + j] = x[n, (i*s + j)*C + c, h, w]        // DCR
///     y[n, c, h*s + i, w*s + j] = x[n, c*s*s + i*s + j, h, w]        // CRD
///
/// - Operand: `x` [N, C*s*s, H, W] of any type.
/// - Result: [N, C, H*s, W*s].
/// - Attributes: `blocksize` s, required in files; `mode`, the order of channels.
public struct DepthToSpace: Operation {
  public static let name: OpName = "DepthToSpace"
  public static let operands: [OperandSpec] = [.any("x")]
  // ONNX has no default for the size, so the value must always be written.
  public static let attributes: [Attribute<Self>] = [
    .init("blocksize", \.blockSize), .init("mode", \.order),
  ]

  /// How many pixels a block is wide and high; required.
  public var blockSize: Int? = nil
  /// The order of channels.
  public var order = BlockOrder.depthFirst

  public init() {}
  public init(blockSize: Int, order: BlockOrder = .depthFirst) {
    self.blockSize = blockSize
    self.order = order
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    let side = try checkedBlockSize(blockSize, x)
    let block = Dimension(side * side)
    let channels = try divided(x[1], by: block, named: "\(side)x\(side) channels", x)
    return [
      TensorType(
        operands[0].element, [x[0], channels, x[2] * Dimension(side), x[3] * Dimension(side)])
    ]
  }
}

/// The size of a block, of an image that has one.
func checkedBlockSize(_ size: Int?, _ x: Shape) throws(Diagnostic) -> Int {
  guard let size, (1...(1 << 15)).contains(size) else {
    throw Diagnostic(
      .invalidAttribute, size.map { "blocksize \($0) is out of range" } ?? "'blocksize' is missing")
  }
  guard x.rank == 4 else {
    throw Diagnostic(.shapeMismatch, "x has shape \(x), expected [N, C, H, W]")
  }
  return size
}

/// A dimension of `x` in parts; unknown where that can't be told.
func divided(
  _ size: Dimension, by part: Dimension, named name: String, _ x: Shape
) throws(Diagnostic) -> Dimension {
  if let size = size.size, let part = part.size, size % part != 0 {
    throw Diagnostic(.shapeMismatch, "x \(x) can't be divided into \(name)")
  }
  return size.divided(by: part) ?? .unknown
}

extension DepthToSpace: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(SpaceToDepth(blockSize: blockSize ?? 1, order: order), [call.seed])]
  }
}
