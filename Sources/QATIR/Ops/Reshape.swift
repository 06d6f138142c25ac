import QATCore

/// The same elements in row-major order under another shape.
///
/// - Operands: `data` of any type; `shape` i64[rank]: a 0 takes the dimension of `data` at that
///   place (unless `allowzero`), one -1 is what is left over.
/// - Result: as many elements as `data`.
public struct Reshape: TakesUnknownRank, ShapeArithmetic {
  public static let name: OpName = "Reshape"
  public static let operands: [OperandSpec] = [.any("data"), .i64("shape")]
  public static let attributes: [Attribute<Self>] = [.init("allowzero", \.allowZero)]

  /// Whether a 0 in `shape` means a dimension of size 0.
  public var allowZero = false

  public init() {}
  public init(allowZero: Bool) { self.allowZero = allowZero }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let element = operands[0].element
    guard let target = operands.dimensions(1) ?? unknownElements(operands[1]) else {
      return [TensorType(element, nil)]
    }
    guard let x = operands[0].shape else {
      // What is copied or left over depends on the data.
      let known = target.map { dimension in
        (dimension.integer ?? 1) > 0
          ? dimension : dimension.integer == 0 && allowZero ? 0 : .unknown
      }
      return [TensorType(element, Shape(known))]
    }
    return [TensorType(element, try reshaped(x, to: target))]
  }

  public func dimensions(_ operands: Operands) -> [Dimension]? { operands.dimensions(0) }

  private func reshaped(_ x: Shape, to target: [Dimension]) throws(Diagnostic) -> Shape {
    // What is copied cancels out of both products, so it may be unknown.
    let copied = allowZero ? [] : target.indices.filter { target[$0].integer == 0 }
    if let axis = copied.first(where: { $0 >= x.rank }) {
      throw Diagnostic(
        .shapeMismatch, "shape \(Shape(target)) copies dimension \(axis) of data \(x)",
        hint: "a 0 stands for the dimension at its place; set `allowzero` to mean size 0")
    }
    if let negative = target.compactMap(\.integer).first(where: { $0 < -1 }) {
      throw Diagnostic(.shapeMismatch, "shape has a dimension \(negative)")
    }
    let inferred = target.indices.filter { target[$0].integer == -1 }
    guard inferred.count <= 1 else {
      throw Diagnostic(.shapeMismatch, "shape \(Shape(target)) has more than one -1")
    }
    var result = target
    for axis in copied { result[axis] = x[axis] }
    let total = x.dimensions.indices.filter { !copied.contains($0) }.reduce(1) { $0 * x[$1] }
    let open = inferred.first ?? onlyUnknown(target)
    let given = target.indices.filter { $0 != open && !copied.contains($0) }
      .reduce(Dimension(1)) { $0 * target[$1] }
    if let open {
      result[open] = total.divided(by: given) ?? .unknown
      if let a = total.size, let b = given.size, b == 0 ? a != 0 : a % b != 0 {
        throw mismatch(x, target)
      }
      if given.size == 0, inferred.first != nil {
        throw Diagnostic(
          .shapeMismatch, "the -1 of shape \(Shape(target)) is ambiguous where another one is 0")
      }
    } else if let a = total.size, let b = given.size, a != b {
      throw mismatch(x, target)
    }
    return Shape(result)
  }

  private func onlyUnknown(_ target: [Dimension]) -> Int? {
    let unknown = target.indices.filter { target[$0].isUnknown }
    return unknown.count == 1 ? unknown[0] : nil
  }

  private func mismatch(_ x: Shape, _ target: [Dimension]) -> Diagnostic {
    let text = target.map { $0.integer.map(String.init) ?? $0.description }.joined(separator: ",")
    return Diagnostic(
      .shapeMismatch, "data \(x) has \(x.elementCount) elements, shape [\(text)] asks for others")
  }
}

/// As many unknown dimensions as an integer vector has elements, where it is known how many.
func unknownElements(_ type: TensorType) -> [Dimension]? {
  guard let shape = type.shape, shape.rank == 1, let count = shape[0].size, count <= 64 else {
    return nil
  }
  return Array(repeating: .unknown, count: count)
}

extension Reshape: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(ReshapeLike(), [call.seed, call.operand(0)]), nil]
  }
}
