import QATCore

/// The gradients of a recurrent layer, by backpropagation through time; what its steps computed is
/// computed again.
///
/// `qat.LSTMGradient` is the name of `RecurrentGradient<LSTM>`; attributes are those of the layer.
///
/// - Operands: the gradient of each result of the layer, absent where it is 0; the layer's operands.
/// - Results: the gradients of its float operands in order, also of absent ones, which stand for 0.
/// - Source: Werbos, Backpropagation through time (1990).
public struct RecurrentGradient<Base: Recurrent>: Operation {
  public static var name: OpName { OpName(domain: "qat", type: Base.name.type + "Gradient") }
  public static var operands: [OperandSpec] {
    Base.results.map { .float("d" + $0.name, .optional) } + Base.operands
  }
  public static var results: [ResultSpec] {
    floatOperands.map { ResultSpec("d" + Base.operands[$0].name) }
  }
  public static var attributes: [Attribute<Self>] {
    Base.attributes.map { $0.within(\.base) }
  }
  /// The layer's operands that have a gradient.
  public static var floatOperands: [Int] {
    Base.operands.indices.filter { Base.operands[$0].typeVariable == "T" }
  }

  /// The layer.
  public var base: Base

  public init() { base = Base() }
  /// The gradients of a layer.
  public init(_ base: Base) { self.base = base }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let seeds = Base.results.count
    let own = Operands(Array(operands.all.dropFirst(seeds)), resultCount: seeds)
    for (index, type) in try base.resultTypes(own).enumerated() {
      try checkShape(operands, index, type.knownShape, of: Self.operands)
    }
    let types = try base.parameterTypes(own)
    return Self.floatOperands.map { types[$0] ?? own[0] }
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands[Base.results.count].element]
  }

  /// Emits the operation for a call of the layer.
  func emit(for call: GradientCall, in builder: inout GraphBuilder) -> [ValueID?] {
    let seeds = Base.results.indices.map { $0 < call.seeds.count ? call.seeds[$0] : nil }
    let results = builder.emit(
      self, seeds + call.operands, results: Self.floatOperands.count)
    return call.operands.indices.map { index in
      guard call.operands[index] != nil, call.needs(index) else { return nil }
      return Self.floatOperands.firstIndex(of: index).map { results[$0] }
    }
  }
}
