import QATCore

/// Codes of several tensors, requantized to common parameters and put one behind the other.
///
/// - Operands: `Y_scale` f32[]; `Y_zero_point` i8[] or u8[]; then for each tensor its codes, its
///   scale f32[] and its zero point [].
/// - Result: of the type of the zero points; the sum of the sizes along `axis`, which is required.
public struct QLinearConcat: Operation {
  public static let name: OpName = "com.microsoft.QLinearConcat"
  public static let operands: [OperandSpec] = [
    .f32("Y_scale"), .codes8("Y_zero_point", as: "T"),
    OperandSpec("inputs", [.f32, .i8, .u8], as: nil, .variadic),
  ]
  public static let results: [ResultSpec] = ["Y"]
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]

  /// Negative ones count from the back.
  public var axis: Int? = nil

  public init() {}
  public init(axis: Int) { self.axis = axis }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let element = operands[1].element
    guard let axis else {
      throw Diagnostic(.invalidAttribute, "\(Self.name) needs the attribute `axis`")
    }
    guard operands.count >= 5, operands.count % 3 == 2,
      (2..<operands.count).allSatisfy(operands.isPresent)
    else {
      throw Diagnostic(
        .invalidOperand, "\(Self.name) takes codes, scale and zero point for each tensor")
    }
    try checkQuantization(operands, scale: 0, zeroPoint: 1)
    var result = operands[2].knownShape
    let along = try checkedAxis(axis, rank: result.rank)
    for first in stride(from: 2, to: operands.count, by: 3) {
      try checkQuantization(operands, scale: first + 1, zeroPoint: first + 2)
      let types = [operands[first], operands[first + 1], operands[first + 2]]
      guard types.map(\.element) == [element, .f32, element] else {
        throw Diagnostic(
          .typeMismatch,
          "operands \(first)…\(first + 2) are \(types.map(\.element.name)), expected "
            + "\([element.name, "f32", element.name])")
      }
      if first > 2 { result = try joined(result, types[0].knownShape, along) }
    }
    return [TensorType(element, result)]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands.optional(1)?.element ?? .u8]
  }

  private func joined(_ a: Shape, _ b: Shape, _ axis: Int) throws(Diagnostic) -> Shape {
    var result = a
    guard a.rank == b.rank else {
      throw Diagnostic(.shapeMismatch, "shapes \(a) and \(b) can't be concatenated")
    }
    for other in 0..<a.rank where other != axis {
      if a[other].size == nil { result[other] = b[other] }
      if let x = a[other].size, let y = b[other].size, x != y {
        throw Diagnostic(
          .shapeMismatch, "shapes \(a) and \(b) can't be concatenated along axis \(axis)")
      }
    }
    result[axis] = a[axis] + b[axis]
    return result
  }
}
