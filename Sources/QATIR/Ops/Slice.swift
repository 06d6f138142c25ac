import QATCore

/// A regular part of a tensor: along each of some axes from `start` to before `end`, every
/// `step`-th.
///
/// - Operands: `data` of any type; `starts`, `ends`, and optionally `axes` (default: the first
///   ones) and `steps` (default 1, never 0), integer vectors of one length. Negative starts and
///   ends count from the back; those out of range are clamped.
/// - Result: of the type of `data`.
public struct Slice: Operation, ShapeArithmetic {
  public static let name: OpName = "Slice"
  public static let operands: [OperandSpec] = [
    .any("data"), OperandSpec("starts", [.i32, .i64], as: "I"),
    OperandSpec("ends", [.i32, .i64], as: "I"),
    OperandSpec("axes", [.i32, .i64], as: "I", .optional),
    OperandSpec("steps", [.i32, .i64], as: "I", .optional),
  ]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape
    var shape = x
    let count = [1, 2, 3, 4].compactMap { operands.optional($0)?.shape.flatMap(\.sizes)?.first }
      .min()
    guard let axes = operands.isPresent(3) ? operands.integers(3) : count.map({ Array(0..<$0) })
    else {
      return [TensorType(operands[0].element, Shape(x.dimensions.map { _ in .unknown }))]
    }
    for index in [1, 2, 4] {
      guard let count = operands.dimensions(index)?.count ?? operands.integers(index)?.count,
        count != axes.count
      else { continue }
      throw Diagnostic(
        .shapeMismatch,
        "\(Self.operands[index].name) has \(count) entries for \(axes.count) axes")
    }
    let steps = operands.isPresent(4) ? operands.integers(4) : axes.map { _ in 1 }
    for (entry, axis) in axes.enumerated() {
      let axis = try checkedAxis(axis, rank: x.rank, named: "axes")
      guard let step = steps?[entry] else {
        shape[axis] = .unknown
        continue
      }
      if step == 0 { throw Diagnostic(.invalidOperand, "steps has a 0") }
      shape[axis] = sliced(
        x[axis], start: operands.integers(1)?[entry], end: operands.integers(2)?[entry], step,
        endDimension: operands.dimensions(2)?[entry])
    }
    return [TensorType(operands[0].element, shape)]
  }

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    guard let data = operands.dimensions(0), let start = operands.integers(1)?.first,
      let end = operands.integers(2)?.first, !operands.isPresent(4) || operands.integers(4) != nil
    else { return nil }
    let range = SliceRange(
      size: data.count, start: start, end: end, step: operands.integers(4)?.first ?? 1)
    return (0..<range.count).map { data[range.start + $0 * range.step] }
  }

  private func sliced(
    _ size: Dimension, start: Int?, end: Int?, _ step: Int, endDimension: Dimension?
  ) -> Dimension {
    // Beyond 2^40 no tensor exists, but a file may say so.
    if let size = size.size, size <= 1 << 40, let start, let end {
      return Dimension(SliceRange(size: size, start: start, end: end, step: step).count)
    }
    // The whole of a symbolic axis: up to its own size, or to what stands for the end.
    let reachesEnd = endDimension?.isSame(as: size) ?? false || end ?? 0 >= 1 << 31 - 1
    return step == 1 && start == 0 && reachesEnd ? size : .unknown
  }
}

/// Which positions of an axis a slice takes: `start`, `start + step`, …, `count` of them.
public struct SliceRange: Sendable, Equatable {
  /// The first of the elements taken.
  public let start: Int
  /// From one element taken to the next.
  public let step: Int
  /// How many elements are taken.
  public let count: Int

  /// Clamps as ONNX does.
  /// - Parameter step: not 0 (which is read as 1).
  public init(size: Int, start: Int, end: Int, step: Int) {
    // Of a step beyond the axis only the sign matters; so no sum below can overflow.
    let limit = size + 1
    self.step = step == 0 ? 1 : max(-limit, min(limit, step))
    let from = start < 0 ? start + size : start
    let to = end < 0 ? end + size : end
    if self.step > 0 {
      self.start = max(0, min(size, from))
      let length = max(0, min(size, to)) - self.start
      count = max(0, (length + self.step - 1) / self.step)
    } else {
      self.start = max(0, min(size - 1, from))
      let length = self.start - max(-1, min(size - 1, to))
      count = size == 0 ? 0 : max(0, (length - self.step - 1) / -self.step)
    }
  }
}

extension Slice: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let dx = builder.emit(SliceGradient(), [call.seed] + call.operands)
    return [dx] + call.operands.dropFirst().map { _ in nil }
  }
}
