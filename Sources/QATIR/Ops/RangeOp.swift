import QATCore

/// Numbers at equal distances.
///
///     y[i] = start + i * delta,   i < max(ceil((limit - start) / delta), 0)
///
/// - Operands: `start`, `limit`, `delta`: scalars of one type, `delta` not 0.
/// - Result: a vector of that type.
/// - Attribute: `stash_type`: the type that 16-bit floats are computed in.
public struct RangeOp: Operation, ShapeArithmetic {
  public static let name: OpName = "Range"
  static let elements: Set<ElementType> = .floats.union([.i16, .i32, .i64])
  public static let operands: [OperandSpec] = [
    OperandSpec("start", elements, as: "T"), OperandSpec("limit", elements, as: "T"),
    OperandSpec("delta", elements, as: "T"),
  ]
  public static let attributes: [Attribute<Self>] = [.init("stash_type", \.stashType)]

  /// What 16-bit floats are computed in.
  public var stashType = ElementType.f32

  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    for (index, spec) in Self.operands.enumerated() {
      let shape = operands[index].knownShape
      guard shape.rank == 0 || shape.rank == 1 && shape[0].size ?? 1 == 1 else {
        throw Diagnostic(.shapeMismatch, "\(spec.name) has shape \(shape), expected []")
      }
    }
    return [TensorType(operands[0].element, [try count(operands)])]
  }

  private func count(_ operands: Operands) throws(Diagnostic) -> Dimension {
    let ends = (0...2).map { operands.integers($0)?.first }
    if let start = ends[0], let limit = ends[1], let delta = ends[2] {
      return Dimension(try Self.count(from: start, to: limit, by: delta))
    }
    let numbers = (0...2).map { operands.constant($0)?.doubles?.first }
    if let start = numbers[0], let limit = numbers[1], let delta = numbers[2] {
      return Dimension(try Self.count(from: start, to: limit, by: delta))
    }
    // From 0 by 1 there are as many as the limit says.
    if ends[0] == 0, ends[2] == 1, let limit = operands.dimensions(1)?.first { return limit }
    return .unknown
  }

  /// How many numbers there are.
  /// - Throws: `invalid-operand` for a `delta` of 0, or more than memory holds.
  public static func count(from start: Int, to limit: Int, by delta: Int) throws(Diagnostic) -> Int
  {
    let (span, overflow) = limit.subtractingReportingOverflow(start)
    guard !overflow, delta != 0 else { throw wrong(start, limit, delta) }
    if (span > 0) != (delta > 0) || span == 0 { return 0 }
    let count = (span.magnitude - 1) / delta.magnitude + 1
    guard count <= most else { throw wrong(start, limit, delta) }
    return Int(count)
  }

  /// The same of floats.
  public static func count(
    from start: Double, to limit: Double, by delta: Double
  ) throws(Diagnostic) -> Int {
    let count = ((limit - start) / delta).rounded(.up)
    guard count.isFinite, count <= Double(most) else { throw wrong(start, limit, delta) }
    return max(0, Int(count))
  }

  private static let most = 1 << 40

  private static func wrong<T>(_ start: T, _ limit: T, _ delta: T) -> Diagnostic {
    Diagnostic(.invalidOperand, "no range goes from \(start) to \(limit) in steps of \(delta)")
  }

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    guard let start = operands.integers(0)?.first, let limit = operands.integers(1)?.first,
      let delta = operands.integers(2)?.first,
      let count = try? Self.count(from: start, to: limit, by: delta), count <= 64
    else { return nil }
    return (0..<count).map { Dimension(signed: start + $0 * delta) }
  }
}

extension RangeOp: Differentiable {
  /// `start` moves all numbers alike, `delta` each by its index.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let start = call.operand(0), delta = call.operand(2)
    let sum = ReduceSum(keepDimensions: false)
    func shaped(_ total: ValueID, like operand: ValueID) -> ValueID {
      builder.emit(ReshapeLike(), [total, operand])
    }
    let dStart = shaped(builder.emit(sum, [call.seed]), like: start)
    let indices = builder.divide(builder.subtract(call.result, start), delta)
    let weighted = builder.multiply(call.seed, indices)
    return [dStart, nil, shaped(builder.emit(sum, [weighted]), like: delta)]
  }
}
