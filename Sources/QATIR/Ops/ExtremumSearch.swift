import QATCore

/// Where along an axis an extremum stands.
///
/// - Operand: `data`, numbers of any type. NaN counts as the extremum.
/// - Result: i64, indices along the axis, of the shape of `data` with a 1 for the axis, or without
///   it.
/// - Attributes: `axis`, negative ones counted from the back; `keepdims`: whether the axis stays;
///   `select_last_index`: of elements that tie the last one, and not the first.
public protocol ExtremumSearch: KeepsSamplesApart {
  /// The axis that is searched.
  var axis: Int { get set }
  /// Whether the axis stays, with size 1.
  var keepDimensions: Bool { get set }
  /// Whether the last of elements that tie is meant.
  var selectLastIndex: Bool { get set }
}

extension ExtremumSearch {
  public static var operands: [OperandSpec] { [OperandSpec("data", .numeric)] }
  public static var results: [ResultSpec] { ["reduced"] }

  public init(axis: Int, keepDimensions: Bool = true, selectLastIndex: Bool = false) {
    self.init()
    self.axis = axis
    self.keepDimensions = keepDimensions
    self.selectLastIndex = selectLastIndex
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    var dimensions = operands[0].knownShape.dimensions
    let axis = try checkedAxis(axis, rank: dimensions.count)
    if keepDimensions { dimensions[axis] = 1 } else { dimensions.remove(at: axis) }
    return [TensorType(.i64, Shape(dimensions))]
  }
  public func resultElements(_ operands: Operands) -> [ElementType] { [.i64] }
}
