import QATCore

/// The tensor without some axes of size 1.
///
/// - Operands: `data` of any type; `axes` i64[k], optional: all axes of size 1 where it is absent.
/// - Result: `data` with k axes fewer.
public struct Squeeze: Operation, ShapeArithmetic {
  public static let name: OpName = "Squeeze"
  public static let operands: [OperandSpec] = [.any("data"), .i64("axes", .optional)]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    let element = operands[0].element
    var dropped = Set<Int>()
    if operands.isPresent(1) {
      guard let axes = operands.integers(1) else { return [TensorType(element, nil)] }
      for axis in axes { dropped.insert(try checkedAxis(axis, rank: x.rank, named: "axes")) }
      for axis in dropped.sorted() {
        guard let size = x[axis].size, size != 1 else { continue }
        throw Diagnostic(
          .shapeMismatch, "axis \(axis) of data \(x) has size \(size), so it can't be squeezed")
      }
    } else {
      guard x.dimensions.allSatisfy({ $0.size != nil }) else { return [TensorType(element, nil)] }
      dropped = Set(x.dimensions.indices.filter { x[$0].size == 1 })
    }
    return [
      TensorType(
        element, Shape(x.dimensions.indices.filter { !dropped.contains($0) }.map { x[$0] }))
    ]
  }

  public func dimensions(_ operands: Operands) -> [Dimension]? { operands.dimensions(0) }
}

extension Squeeze: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(ReshapeLike(), [call.seed, call.operand(0)]), nil]
  }
}
