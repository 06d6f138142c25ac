import QATCore

/// An operation with a gradient, written as operations: it prints and verifies like the rest.
public protocol Differentiable: Operation {
  /// Emits the gradient of the loss with respect to each operand.
  ///
  /// - Returns: one entry an operand, of its shape and type; `nil` where there is none (integers,
  ///   absent operands) or `call.needs` does not ask for it.
  func gradients(of call: GradientCall, in builder: inout GraphBuilder) throws(Diagnostic)
    -> [ValueID?]
}

/// One node to be differentiated.
public struct GradientCall: Sendable {
  /// What the node reads.
  public let operands: [ValueID?]
  /// What it computes.
  public let results: [ValueID?]
  /// The gradient of the loss with respect to each result, of its shape; `nil` where it is zero.
  public let seeds: [ValueID?]
  /// Which operands' gradients are asked for.
  public let needs: [Bool]

  public init(operands: [ValueID?], results: [ValueID?], seeds: [ValueID?], needs: [Bool]) {
    self.operands = operands
    self.results = results
    self.seeds = seeds
    self.needs = needs
  }

  /// A required operand.
  public func operand(_ index: Int) -> ValueID {
    guard index < operands.count, let operand = operands[index] else {
      preconditionFailure("a required operand")
    }
    return operand
  }

  /// The first result.
  public var result: ValueID {
    guard let first = results.first, let result = first else { preconditionFailure("no result") }
    return result
  }

  /// The seed of the first result, which is there whenever `gradients` is asked.
  public var seed: ValueID {
    guard let first = seeds.first, let seed = first else { preconditionFailure("no seed") }
    return seed
  }

  /// Whether the gradient of an operand is asked for.
  public func needs(_ index: Int) -> Bool { index < needs.count && needs[index] }
}
