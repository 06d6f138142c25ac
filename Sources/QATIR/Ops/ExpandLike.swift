import QATCore

/// `x` broadcast to the shape of another tensor: undoes in a gradient what a reduction did.
///
/// - Operands: `x` any type; `shape_of`, only its shape is read.
/// - Attributes: `axes`: axes of `shape_of`, counted from the front, that `x` lacks (empty: NumPy's
///   rule alone); `average`: divides by the number of copies that each element of `x` gets, so that
///   the sum over all elements stays. Floats only.
public struct ExpandLike: Operation {
  public static let name: OpName = "qat.ExpandLike"
  public static let operands: [OperandSpec] = [
    OperandSpec("x", .all), OperandSpec("shape_of", .all),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("axes", \.axes), .init("average", \.average),
  ]
  /// The axes along which elements are repeated.
  public var axes: [Int] = []
  /// Whether each copy is divided by their number.
  public var average = false
  public init() {}
  public init(axes: [Int], average: Bool = false) {
    self.axes = axes
    self.average = average
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let target = operands[1].knownShape
    for axis in axes { _ = try checkedAxis(axis, rank: target.rank, named: "axes: axis") }
    try checkBroadcasts(
      Shape(inserting(axes, into: operands[0].knownShape.dimensions, of: 1)), to: target, named: "x"
    )
    if average, !operands[0].element.isFloatingPoint {
      throw Diagnostic(.typeMismatch, "an average needs a float type, x is \(operands[0])")
    }
    return [TensorType(operands[0].element, target)]
  }

  /// Dimensions with `one` put in at the axes.
  public func inserting<Size>(_ axes: [Int], into dimensions: [Size], of one: Size) -> [Size] {
    axes.sorted().reduce(into: dimensions) { $0.insert(one, at: min(max($1, 0), $0.count)) }
  }
}

extension ExpandLike: Differentiable {
  /// Without `axes` and `average`, which only gradients have.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    guard axes.isEmpty, !average else {
      throw Diagnostic(.unsupported, "\(Self.name) with axes or average has no gradient")
    }
    return [builder.reduce(call.seed, like: call.operand(0)), nil]
  }
}
