import QATCore

/// A vector for each index, with one value where the index points and another one elsewhere.
///
/// - Operands: `indices`, numbers of any type, truncated to integers: those in -depth..<0 count
///   from the back, those beyond point nowhere; `depth`, a number: how long the vectors are;
///   `values` [2] of any type: the value elsewhere, the value pointed at.
/// - Result: the type of `values`, the shape of `indices` with an axis of size `depth` put in.
/// - Attribute: `axis`: which one that is; negative ones counted from the back of the result.
public struct OneHot: Operation {
  public static let name: OpName = "OneHot"
  public static let operands: [OperandSpec] = [
    OperandSpec("indices", .numeric), OperandSpec("depth", .numeric), OperandSpec("values", .all),
  ]
  public static let attributes: [Attribute<Self>] = [.init("axis", \.axis)]
  /// The new axis of the result.
  public var axis = -1
  public init() {}
  public init(axis: Int) { self.axis = axis }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    var dimensions = operands[0].knownShape.dimensions
    let axis = try checkedAxis(axis, rank: dimensions.count + 1)
    for (index, expected) in [(1, 1), (2, 2)] {
      let shape = operands[index].knownShape
      guard let count = shape.elementCount.size, count != expected else { continue }
      throw Diagnostic(
        .shapeMismatch,
        "\(Self.operands[index].name) has shape \(shape), expected \(expected) elements")
    }
    var depth = operands.dimensions(1)?.first ?? .unknown
    if let number = operands.constant(1)?.doubles?.first {
      guard number >= 1, let size = Int(exactly: number.rounded(.towardZero)) else {
        throw Diagnostic(.invalidData, "depth is \(number), expected at least 1")
      }
      depth = Dimension(size)
    }
    dimensions.insert(depth, at: axis)
    return [TensorType(operands[2].element, Shape(dimensions))]
  }
  public func resultElements(_ operands: Operands) -> [ElementType] { [operands[2].element] }
}
