import QATCore

/// Moves blocks of pixels into channels: what `DepthToSpace` undoes.
///
///     y[n, (i*s + j)*C + c, h, w] = x[n, c, h*s + i, w*s + j]        // DCR
///     y[n, c*s*s + i*s + j, h, w] = x[n, c, h*s + i, w*s + j]        // CRD
///
/// - Operand: `x` [N, C, H*s, W*s] of any type.
/// - Result: [N, C*s*s, H, W].
/// - Attributes: `blocksize` s, required in files; `mode`, the order of channels.
public struct SpaceToDepth: Operation {
  public static let name: OpName = "SpaceToDepth"
  public static let operands: [OperandSpec] = [.any("x")]
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
    let height = try divided(x[2], by: Dimension(side), named: "blocks of \(side)", x)
    let width = try divided(x[3], by: Dimension(side), named: "blocks of \(side)", x)
    let channels = x[1] * Dimension(side * side)
    return [TensorType(operands[0].element, [x[0], channels, height, width])]
  }
}

extension SpaceToDepth: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(DepthToSpace(blockSize: blockSize ?? 1, order: order), [call.seed])]
  }
}
