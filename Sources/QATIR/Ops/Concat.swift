import QATCore

/// Tensors one after the other along an axis.
///
/// - Operands: any number of tensors of one type that agree in all axes but `axis`.
/// - Attribute: `axis`, required in files.
public struct Concat: Operation, ShapeArithmetic {
  public static let name: OpName = "Concat"
  public static let operands = [OperandSpec("inputs", .all, as: "T", .variadic)]
  // ONNX has no default, so the value must always be written.
  public static let attributes: [Attribute<Self>] = [.init("axis", \.storedAxis)]

  /// The axis; negative ones count from the back.
  public var axis: Int {
    get { storedAxis ?? 0 }
    set { storedAxis = newValue }
  }
  private var storedAxis: Int? = nil

  public init() {}
  public init(axis: Int) { self.axis = axis }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let shapes = operands.all.compactMap { $0?.type.knownShape }
    guard let first = shapes.first,
      let element = operands.all.compactMap({ $0 }).first?.type.element
    else { throw Diagnostic(.invalidOperand, "Concat needs an operand") }
    guard storedAxis != nil else { throw Diagnostic(.invalidAttribute, "Concat needs 'axis'") }
    let axis = try checkedAxis(axis, rank: first.rank)
    var result = first
    for shape in shapes.dropFirst() {
      guard shape.rank == first.rank else {
        throw Diagnostic(.shapeMismatch, "inputs have shapes \(first) and \(shape)")
      }
      for other in 0..<first.rank {
        if other == axis {
          result[axis] = result[axis] + shape[axis]
        } else if let a = result[other].size, let b = shape[other].size, a != b {
          throw Diagnostic(
            .shapeMismatch,
            "inputs have shapes \(first) and \(shape), which differ in axis \(other)",
            hint: "only axis \(axis), along which they are joined, may differ")
        } else if result[other].size == nil, shape[other].size != nil || result[other].isUnknown {
          result[other] = shape[other]
        }
      }
    }
    return [TensorType(element, result)]
  }

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    var result: [Dimension] = []
    for index in operands.all.indices {
      guard
        let part = operands.dimensions(index) ?? operands.optional(index).flatMap(unknownElements)
      else { return nil }
      result += part
    }
    return result
  }
}

extension Concat: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    if call.operands.count == 1 { return [call.seed] }
    let parts = builder.emit(
      ConcatGradient(axis: axis), [call.seed] + call.operands, results: call.operands.count)
    return parts.enumerated().map { call.needs($0) ? $1 : nil }
  }
}
