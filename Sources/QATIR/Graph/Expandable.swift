import QATCore

/// An operation that can be written as older ones, for a file whose opset does not have it.
public protocol Expandable: Operation {
  /// Emits what computes the first result.
  /// - Throws: `unsupported` where more has to be known of the operands.
  func expansion(of operands: [ValueID?], in builder: inout GraphBuilder) throws(Diagnostic)
    -> ValueID
}

extension GraphBuilder {
  /// An operand that a node must have.
  func required(_ operands: [ValueID?], _ index: Int) -> ValueID {
    guard index < operands.count, let operand = operands[index] else {
      preconditionFailure("a required operand")
    }
    return operand
  }

  /// `x / √(mean(x²) + epsilon)`, the mean over the axes from one on.
  mutating func normalized(
    _ x: ValueID, from axis: Int, _ epsilon: Float
  ) throws(Diagnostic) -> ValueID {
    let axes = integers(try axesFromBack(axis, of: x))
    let square = emit(ReduceMean(), [multiply(x, x), axes])
    return divide(x, emit(Sqrt(), [add(square, Double(epsilon))]))
  }

  /// The axes from one on, counted from the back.
  /// - Throws: `unsupported` where that takes a rank that is unknown.
  func axesFromBack(_ axis: Int, of x: ValueID) throws(Diagnostic) -> [Int] {
    if axis < 0 { return Array(axis..<0) }
    guard let rank = type(of: x).shape?.rank else {
      throw Diagnostic(
        .unsupported, "the axes from \(axis) on are unknown, as the rank of x is",
        hint: "declare the shapes of the graph's inputs")
    }
    return Array(axis - rank..<0)
  }
}
