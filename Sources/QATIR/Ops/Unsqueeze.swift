import QATCore

/// The tensor with new axes of size 1.
///
/// - Operands: `data` of any type; `axes` i64[k], where the new axes are in the result.
/// - Result: `data` with k axes more.
public struct Unsqueeze: Operation, ShapeArithmetic {
  public static let name: OpName = "Unsqueeze"
  public static let operands: [OperandSpec] = [.any("data"), .i64("axes")]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    let element = operands[0].element
    guard let axes = operands.integers(1) else {
      guard let unknown = unknownElements(operands[1]) else { return [TensorType(element, nil)] }
      let rank = x.rank + unknown.count
      return [TensorType(element, Shape(Array(repeating: .unknown, count: rank)))]
    }
    let rank = x.rank + axes.count
    var added = Set<Int>()
    for axis in axes {
      guard added.insert(try checkedAxis(axis, rank: rank, named: "axes")).inserted else {
        throw Diagnostic(.invalidOperand, "axes \(axes) names axis \(axis) twice")
      }
    }
    var rest = x.dimensions.makeIterator()
    let shape = (0..<rank).map { added.contains($0) ? 1 : rest.next() ?? .unknown }
    return [TensorType(element, Shape(shape))]
  }

  public func dimensions(_ operands: Operands) -> [Dimension]? { operands.dimensions(0) }
}

extension Unsqueeze: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(ReshapeLike(), [call.seed, call.operand(0)]), nil]
  }
}
