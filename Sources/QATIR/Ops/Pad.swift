import QATCore

/// What stands outside a tensor that is padded.
public enum PadMode: String, AttributeConvertible {
  /// One value.
  case constant
  /// The tensor mirrored at its first and last element, which are not repeated.
  case reflect
  /// Its first and last element.
  case edge
  /// The tensor again.
  case wrap

  /// Which position of an axis stands at `position`, which may lie outside of it.
  /// - Returns: `nil` for the constant. The axis must not be empty.
  public func source(of position: Int, size: Int) -> Int? {
    if (0..<size).contains(position) { return position }
    func modulo(_ period: Int) -> Int { (position % period + period) % period }
    switch self {
    case .constant: return nil
    case .edge: return position < 0 ? 0 : size - 1
    case .wrap: return modulo(size)
    case .reflect:
      if size == 1 { return 0 }
      let folded = modulo(2 * (size - 1))
      return min(folded, 2 * (size - 1) - folded)
    }
  }
}

/// A tensor with more (or, for negative pads, fewer) elements at the ends of its axes.
///
/// - Operands: `data` of any type; `pads` i64[2k], all beginnings and then all ends;
///   `constant_value`, a scalar of the type of `data`, optional (0); `axes` i32 or i64[k], optional
///   (all).
/// - Attribute: `mode`: `constant`, `reflect`, `edge` or `wrap`.
public struct Pad: Operation {
  public static let name: OpName = "Pad"
  public static let operands: [OperandSpec] = [
    .any("data"), .i64("pads"), .any("constant_value", .optional),
    OperandSpec("axes", [.i32, .i64], as: nil, .optional),
  ]
  public static let attributes: [Attribute<Self>] = [.init("mode", \.mode)]

  /// What the padding holds.
  public var mode = PadMode.constant

  public init() {}
  public init(mode: PadMode) { self.mode = mode }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    let element = operands[0].element
    let axes = operands.isPresent(3) ? operands.integers(3) : Array(0..<x.rank)
    guard let pads = operands.integers(1), let axes else {
      return [TensorType(element, Shape(x.dimensions.map { _ in .unknown }))]
    }
    let (begins, ends) = try Pad.amounts(pads, axes: axes, rank: x.rank)
    var shape = x
    for axis in 0..<x.rank where begins[axis] != 0 || ends[axis] != 0 {
      guard let size = x[axis].size, size <= 1 << 40 else {
        if begins[axis] + ends[axis] != 0 { shape[axis] = .unknown }
        continue
      }
      let padded = size + begins[axis] + ends[axis]
      guard padded >= 0 else {
        throw Diagnostic(
          .shapeMismatch,
          "pads \(begins[axis]) and \(ends[axis]) take more than axis \(axis) has, \(size)")
      }
      guard mode == .constant || size > 0 || padded == 0 else {
        throw Diagnostic(
          .shapeMismatch, "axis \(axis) of data \(x) is empty: there is nothing to repeat",
          hint: "use mode `constant`")
      }
      shape[axis] = Dimension(padded)
    }
    return [TensorType(element, shape)]
  }

  /// The pads before and behind every axis, from the operands `pads` and `axes`.
  public static func amounts(
    _ pads: [Int], axes: [Int], rank: Int
  ) throws(Diagnostic) -> (begins: [Int], ends: [Int]) {
    guard pads.count == 2 * axes.count else {
      throw Diagnostic(
        .shapeMismatch, "pads has \(pads.count) entries, expected \(2 * axes.count)",
        hint: "all beginnings, then all ends")
    }
    if let wrong = pads.first(where: { !(-(1 << 40)...(1 << 40)).contains($0) }) {
      throw Diagnostic(.invalidOperand, "pads has an entry out of range, \(wrong)")
    }
    var begins = Array(repeating: 0, count: rank)
    var ends = begins
    for (entry, axis) in axes.enumerated() {
      let axis = try checkedAxis(axis, rank: rank, named: "axes")
      begins[axis] = pads[entry]
      ends[axis] = pads[axes.count + entry]
    }
    return (begins, ends)
  }
}

extension Pad: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let axes = call.operands.count > 3 ? call.operands[3] : nil
    let dx = builder.emit(
      PadGradient(mode: mode), [call.seed, call.operand(0), call.operand(1), axes])
    guard call.needs(2) else { return [dx] + call.operands.dropFirst().map { _ in nil } }
    // All that is no copy of an element is the constant.
    let sum = ReduceSum(keepDimensions: false)
    let padding = builder.subtract(builder.emit(sum, [call.seed]), builder.emit(sum, [dx]))
    let dConstant = builder.emit(ReshapeLike(), [padding, call.operand(2)])
    return [dx, nil, dConstant] + call.operands.dropFirst(3).map { _ in nil }
  }
}
