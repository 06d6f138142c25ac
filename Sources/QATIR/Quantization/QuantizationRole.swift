import QATCore

/// What quantization does at an operation; one without a role stays in float.
public enum QuantizationRole: Sendable, Equatable {
  /// A product of activations with a weight: the activation operand, the weight operand and its
  /// channel axis, the bias operand (int32, on the scale of the product), the result.
  case weighted(input: Int, weight: Int, channelAxis: Int?, bias: Int?)
  /// A computation in float whose weights may be codes: their operands, and the axis of their channels.
  case weightsOnly(operands: [Int], channelAxis: Int?)
  /// Operands and result each have their own scale; `operands` lists those that carry activations.
  case activations(operands: [Int])
  /// Codes pass through: results and first operand share scale and zero point.
  case passThrough
  /// Like `activations`, with the result on this fixed scale and the lowest code as zero point.
  case fixedResult(scale: Float)
  /// An activation whose clamping the quantizer behind it can do: no quantizer in front of it where
  /// a weighted operation feeds it.
  case clamping

  /// Whether it multiplies and adds: what integers make faster.
  public var isProduct: Bool {
    if case .weighted = self { true } else { false }
  }
}

/// An operation that takes part in quantization.
public protocol Quantizable: Operation {
  /// The role for operands of these ranks (an absent operand has none).
  func quantizationRole(ranks: [Int?]) -> QuantizationRole?

  /// The axis of the weight along which input channels lie, whose groups may share a scale; `nil`
  /// where there is none.
  func groupAxis(ranks: [Int?]) -> Int?
}

extension Quantizable {
  public func groupAxis(ranks: [Int?]) -> Int? { nil }
}

extension Graph {
  /// The role of a node; `nil` where it stays in float.
  public func quantizationRole(of node: NodeID) -> QuantizationRole? {
    let node = self[node]
    let ranks = node.operands.map { $0.flatMap { self[$0].type.shape?.rank } }
    return (node.op as? any Quantizable)?.quantizationRole(ranks: ranks)
  }

  /// The axis of a node's weight along which groups of input channels lie.
  public func groupAxis(of node: NodeID) -> Int? {
    let node = self[node]
    let ranks = node.operands.map { $0.flatMap { self[$0].type.shape?.rank } }
    return (node.op as? any Quantizable)?.groupAxis(ranks: ranks)
  }
}

/// An operation that passes codes through, and puts a number of its own beside them: on codes, the
/// code of that number.
public protocol FillsWithNumber: Quantizable {
  /// The operand that is the number; where it is absent the number is 0.
  var numberOperand: Int { get }
}

/// An operation some of whose operands are parameters to be trained, or state that training moves.
public protocol HasParameters: Operation {
  /// Operands that the gradient trains, when they are constants.
  var trainableOperands: [Int] { get }
  /// Operands that running in training mode replaces (a BatchNorm's statistics).
  var stateOperands: [Int] { get }
}

extension HasParameters {
  public var stateOperands: [Int] { [] }
}

/// An operation that says on which grid a value lies: constant folding must not look through it, or
/// the grid would be forgotten.
public protocol MarksGrid: Operation {}
