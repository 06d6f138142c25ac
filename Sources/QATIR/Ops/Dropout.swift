import QATCore

/// Zeroes elements at random while training, and is the identity otherwise.
///
///     y = keep ? x / (1 - ratio) : 0
///
/// Which elements stay is a hash of the seed and the element's index: the same call always drops
/// the same ones, on every machine and for every number of threads. A seed that is left out is 0.
///
/// - Operands: `x`; `ratio`, a scalar in 0..<1, 0.5 where absent; `training_mode` bool[], false
///   where absent.
/// - Results: `y`; `mask` bool, true where an element was kept.
public struct Dropout: Operation {
  public static let name: OpName = "Dropout"
  public static let operands: [OperandSpec] = [
    .float("x"), OperandSpec("ratio", .floats, as: nil, .optional),
    OperandSpec("training_mode", [.bool], as: nil, .optional),
  ]
  public static let results: [ResultSpec] = ["y", ResultSpec("mask", .optional)]
  public static let attributes: [Attribute<Self>] = [.init("seed", \.seed)]
  /// Decides which elements are dropped.
  public var seed: Int? = nil
  public init() {}
  public init(seed: Int?) { self.seed = seed }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    [operands[0], TensorType(.bool, operands[0].shape)]
  }
  public func resultElements(_ operands: Operands) -> [ElementType] {
    [operands[0].element, .bool]
  }
}

extension Dropout: Differentiable {
  /// The same elements of `dy` dropped: the same seed gives the same mask.
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    [builder.emit(self, [call.seed] + call.operands.dropFirst()), nil, nil]
  }
}
