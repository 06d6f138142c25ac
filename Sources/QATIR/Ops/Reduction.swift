import QATCore

/// Makes one number of all elements along some axes.
///
/// - Operands: `x`; `axes` i64[k], negative ones counted from the back. Absent or empty: all axes,
///   or none with `noop_with_empty_axes`.
/// - Attributes: `keepdims`: whether a reduced axis stays, with size 1.
public protocol Reduction: KeepsSamplesApart {
  /// The element types it takes; all numbers unless the operation says otherwise.
  static var elements: Set<ElementType> { get }
  /// Whether reduced axes stay, with size 1.
  var keepDimensions: Bool { get set }
  /// Whether no axes means none, and not all of them.
  var noopWithEmptyAxes: Bool { get set }
}

extension Reduction {
  public static var elements: Set<ElementType> { .numeric }
  public static var operands: [OperandSpec] {
    [OperandSpec("x", elements, as: "T"), .i64("axes", .optional)]
  }

  public init(keepDimensions: Bool, noopWithEmptyAxes: Bool = false) {
    self.init()
    self.keepDimensions = keepDimensions
    self.noopWithEmptyAxes = noopWithEmptyAxes
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape, element = operands[0].element
    if operands.isPresent(1), operands.integers(1) == nil {
      return [TensorType(element, shapeForUnknownAxes(x, count: operands[1].knownShape))]
    }
    let axes = try reducedAxes(operands.integers(1), rank: x.rank)
    let dimensions = (0..<x.rank).compactMap { axis -> Dimension? in
      axes.contains(axis) ? (keepDimensions ? 1 : nil) : x[axis]
    }
    return [TensorType(element, Shape(dimensions))]
  }

  /// The axes that are reduced, counted from the front, in order.
  /// - Throws: `invalid-attribute` for one out of range.
  public func reducedAxes(_ axes: [Int]?, rank: Int) throws(Diagnostic) -> [Int] {
    guard let axes, !axes.isEmpty else { return noopWithEmptyAxes ? [] : Array(0..<rank) }
    var result = Set<Int>()
    for axis in axes { result.insert(try checkedAxis(axis, rank: rank, named: "axes: axis")) }
    return result.sorted()
  }

  private func shapeForUnknownAxes(_ x: Shape, count: Shape) -> Shape? {
    let unknown = { (rank: Int) in Shape(Array(repeating: .unknown, count: max(rank, 0))) }
    if keepDimensions { return unknown(x.rank) }
    guard let count = count.dimensions.first?.size, count > 0 else { return nil }
    return unknown(x.rank - count)
  }

  /// `ExpandLike` that undoes this reduction of a node's first operand.
  /// - Throws: `unsupported` where the axes are computed.
  func expansion(
    of call: GradientCall, average: Bool = false, in builder: GraphBuilder
  ) throws(Diagnostic) -> ExpandLike {
    var axes: [Int]?
    if call.operands.count > 1, let operand = call.operands[1] {
      axes = builder.graph[operand].constant?.integers
      if axes == nil {
        axes = builder.graph.dimensions(of: operand).flatMap { Shape($0).sizes }
      }
      guard axes != nil else {
        throw Diagnostic(
          .unsupported, "\(name) has no gradient where its axes are computed",
          hint: "run fold-constants first")
      }
    }
    guard let rank = builder.type(of: call.operand(0)).shape?.rank else {
      throw Diagnostic(.unsupported, "\(name) has no gradient where the rank of x is unknown")
    }
    let reduced = try reducedAxes(axes, rank: rank)
    return ExpandLike(axes: keepDimensions ? [] : reduced, average: average)
  }
}
