import QATCore
import QATIR
import QATRewrite

/// Removes a `Relu` or `Clip` whose clamping the quantizer behind it does anyway.
///
///     %1 = Relu(%x)
///     %2 = qat.FakeQuantize(%1, %scale, %zero_point) {grid = "u8"}     // zero point 0
///     ->
///     %2 = qat.FakeQuantize(%x, %scale, %zero_point) {grid = "u8"}
///
/// That is so where everything the activation cuts off saturates: the lower bound is at most the value
/// of the lowest code, the upper bound at least that of the highest. An activation that somebody else
/// reads, or one whose bounds lie inside the grid, stays; so does one between a `DequantizeLinear` and a
/// quantizer, which is an integer operation of its own.
public struct FuseActivation: Pass {
  public static let name: PassName = "fuse-activation"
  public static let summary = "let quantizers do the clamping of Relu and Clip"
  public static let effect: Effect = .exact
  public static let entersBodies = true

  public init() {}

  public func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    for id in graph.nodes where graph.contains(id) {
      guard let range = graph.quantizerRange(id), let input = graph[id].operands[0],
        graph.isUsedOnce(input), let producer = graph.producer(of: input),
        let bounds = graph.clampingBounds(of: producer), let x = graph[producer].operands[0],
        bounds.low <= range.low, bounds.high >= range.high,
        graph.operation(DequantizeLinear.self, of: x) == nil
      else { continue }
      let origins =
        graph[producer].origins.isEmpty ? [graph[producer].name] : graph[producer].origins
      graph.setOperand(0, of: id, to: x)
      graph.remove(producer)
      graph.setOrigins(of: id, to: graph[id].origins + origins)
    }
  }
}

extension Graph {
  /// The values of the lowest and highest code of a quantizer per tensor with constant parameters.
  fileprivate func quantizerRange(_ id: NodeID) -> (low: Float, high: Float)? {
    let node = self[id], grid: IntegerGrid
    switch node.op {
    case let op as FakeQuantize where op.axis == nil: grid = op.grid
    case is QuantizeLinear:
      // A Clip of the codes narrows the grid further; the wider one asks for more, which is safe.
      switch node.operands.count > 2 ? node.operands[2].map({ self[$0].type.element }) : nil {
      case .u8: grid = .uint8
      case .i8: grid = .int8
      default: return nil
      }
    default: return nil
    }
    guard node.operands.count >= 3, let scaleID = node.operands[1], let zeroID = node.operands[2],
      let scale = self[scaleID].constant?.elements(as: Float.self), scale.count == 1,
      let zero = self[zeroID].constant?.integers, zero.count == 1
    else { return nil }
    return (Float(grid.min - zero[0]) * scale[0], Float(grid.max - zero[0]) * scale[0])
  }

  /// The bounds of a `Relu` or of a `Clip` with constant ones.
  func clampingBounds(of id: NodeID) -> (low: Float, high: Float)? {
    let node = self[id]
    if node.op is Relu { return (0, .infinity) }
    guard node.op is Clip else { return nil }
    var bounds: [Float] = [-.infinity, .infinity]
    for index in [1, 2] where index < node.operands.count {
      guard let operand = node.operands[index] else { continue }
      guard let bound = self[operand].constant?.elements(as: Float.self)?.first else { return nil }
      bounds[index - 1] = bound
    }
    return (bounds[0], bounds[1])
  }
}
