import QATCore

/// Normalizes over the axes from `axis` on and maps linearly.
///
///     y = (x - mean) / √(variance + epsilon) · scale + bias
///
/// - Operands: `x` float[…]; `scale`, `bias` (optional) broadcast to the shape of `x`.
/// - Results: `y`; `mean` and `inverse_deviation`, 1/√(variance + epsilon), of the shape of `x`
///   with 1 for the normalized axes and of the type `stash_type`.
/// - Source: Ba, Kiros, Hinton, arXiv:1607.06450.
public struct LayerNormalization: Operation {
  public static let name: OpName = "LayerNormalization"
  public static let operands: [OperandSpec] = [
    .float("x"), .float("scale"), .float("bias", .optional),
  ]
  public static let results: [ResultSpec] = [
    "y", ResultSpec("mean", .optional), ResultSpec("inverse_deviation", .optional),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("axis", \.axis), .init("epsilon", \.epsilon), .init("stash_type", \.stashType),
  ]
  /// The first of the axes that are normalized together.
  public var axis = -1
  /// Added to the variance, so that its root is never 0.
  public var epsilon: Float = 1e-5
  /// The type of the statistics that are results: f32 or bf16.
  public var stashType = ElementType.f32

  public init() {}
  public init(axis: Int, epsilon: Float = 1e-5) {
    self.axis = axis
    self.epsilon = epsilon
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape, first = try checkedAxis(axis, rank: x.rank)
    for index in [1, 2] where operands.isPresent(index) {
      try checkBroadcasts(operands[index].knownShape, to: x, named: Self.operands[index].name)
    }
    let outer = Shape((0..<x.rank).map { $0 < first ? x[$0] : 1 })
    let statistics = TensorType(stashType, outer)
    return [operands[0], statistics, statistics]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands[0].element, stashType, stashType]
  }
}

/// - Throws: `shape-mismatch` where a tensor cannot be broadcast to a shape.
func checkBroadcasts(_ shape: Shape, to target: Shape, named name: String) throws(Diagnostic) {
  let offset = target.rank - shape.rank
  let fits =
    offset >= 0
    && shape.dimensions.indices.allSatisfy { axis in
      guard let size = shape[axis].size, size != 1, let other = target[axis + offset].size else {
        return true
      }
      return size == other
    }
  if !fits {
    throw Diagnostic(
      .shapeMismatch, "\(name) has shape \(shape), which can't be broadcast to \(target)")
  }
}

extension LayerNormalization: Differentiable {
  /// Through the statistics as well: of the mean it is dmean / n, of r = 1/√(variance + epsilon)
  /// -dr · r² · x̂ / n, where n elements make a row.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), scale = call.operand(1)
    var dx: ValueID?, dScale: ValueID?, dBias: ValueID?
    if let seed = call.seeds[0] {
      let wanted = call.needs(1) ? 2 : 1
      let gradients = builder.emit(
        LayerNormalizationGradient(axis: axis, epsilon: epsilon), [seed, x, scale], results: wanted)
      dx = gradients[0]
      dScale = wanted == 2 ? gradients[1] : nil
      if call.needs(2) { dBias = builder.reduce(seed, like: call.operand(2)) }
    }
    for (index, seed) in call.seeds.enumerated().dropFirst() {
      guard let seed else { continue }
      let slope = try statisticGradient(index, seed, call, &builder)
      dx = dx.map { builder.add($0, slope) } ?? slope
    }
    return [dx, dScale, dBias]
  }

  private func statisticGradient(
    _ index: Int, _ seed: ValueID, _ call: GradientCall, _ builder: inout GraphBuilder
  ) throws(Diagnostic) -> ValueID {
    let x = call.operand(0)
    guard builder.type(of: seed).element == builder.type(of: x).element else {
      throw Diagnostic(
        .unsupported, "no gradient flows through statistics of another type than that of x",
        hint: "insert a Cast")
    }
    let share = builder.emit(ExpandLike(axes: [], average: true), [seed, x])
    if index == 1 { return share }
    let one = builder.scalar(1, like: x)
    let all = builder.emit(self, [x, one], results: 3)
    let slope = builder.multiply(builder.multiply(all[2], all[2]), all[0])
    return builder.multiply(builder.multiply(share, slope), by: -1)
  }
}

extension LayerNormalization: Expandable {
  public func expansion(
    of operands: [ValueID?], in builder: inout GraphBuilder
  ) throws(Diagnostic) -> ValueID {
    let x = builder.required(operands, 0), scale = builder.required(operands, 1)
    let mean = builder.emit(
      ReduceMean(), [x, builder.integers(try builder.axesFromBack(axis, of: x))])
    let normalized = try builder.normalized(builder.subtract(x, mean), from: axis, epsilon)
    let scaled = builder.multiply(normalized, scale)
    guard operands.count > 2, let bias = operands[2] else { return scaled }
    return builder.add(scaled, bias)
  }
}
