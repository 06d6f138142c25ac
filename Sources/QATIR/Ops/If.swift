import QATCore

/// One of two graphs, as a condition says.
///
///     y0, y1, … = cond ? then_branch(captured…) : else_branch(captured…)
///
/// - Operands: `cond` bool with one element; the captured values.
/// - Results: those of the branch that ran. Their types are what both branches agree on: where shapes
///   differ, they are known only when it has run.
/// - Attributes: `then_branch`, `else_branch`, both with the captured values as inputs; `captures`.
/// - Gradient: none.
public struct If: ControlFlow {
  public static let name: OpName = "If"
  public static let operands: [OperandSpec] = [
    OperandSpec("cond", [.bool]), OperandSpec("captured", .all, as: nil, .variadic),
  ]
  public static let results: [ResultSpec] = [ResultSpec("outputs", .variadic)]
  public static let attributes: [Attribute<Self>] = [
    .init("captures", \.captures), .init("then_branch", \.thenBranch),
    .init("else_branch", \.elseBranch),
  ]

  /// How many operands, at the end, are there for the bodies alone.
  public var captures = 0
  /// What runs where the condition holds.
  public var thenBranch = Graph(name: "")
  /// What runs elsewhere.
  public var elseBranch = Graph(name: "")

  public init() {}
  public init(thenBranch: Graph, elseBranch: Graph) {
    self.thenBranch = thenBranch
    self.elseBranch = elseBranch
    captures = thenBranch.inputs.count
  }

  public var bodies: [Graph] {
    get { [thenBranch, elseBranch] }
    set { (thenBranch, elseBranch) = (newValue[0], newValue[1]) }
  }

  public func nextCarried(
    operands: Int
  ) -> (operand: Int, input: Int, output: Int, result: Int)? { nil }

  public func bodyInputs(_ operands: Operands) throws(Diagnostic) -> [TensorType] { [] }

  public func settled(
    _ operands: Operands
  ) throws(Diagnostic) -> (op: If, results: [TensorType]) {
    guard operands.count == 1 + captures else {
      throw Diagnostic(
        .invalidOperand,
        "If takes a condition and \(captures) captured values, not \(operands.count)")
    }
    let captured = try types(operands, 1..<operands.count)
    guard thenBranch.outputs.count == elseBranch.outputs.count else {
      throw Diagnostic(
        .invalidGraph,
        "one branch has \(thenBranch.outputs.count) outputs, the other \(elseBranch.outputs.count)")
    }
    var op = self
    var failure: Diagnostic?
    var possible: [[TensorType]] = []
    for (index, branch) in bodies.enumerated() {
      if let condition = operands.constant(0)?.elements(as: Bool.self)?.first,
        condition != (index == 0)
      {
        continue
      }
      do throws(Diagnostic) {
        op.bodies[index] = try branch.typed(captured)
        possible.append(op.bodies[index].outputTypes)
      } catch {
        guard error.isAboutShapes else { throw error }
        failure = error
      }
    }
    // A branch that is made for other shapes is one that does not run; if it does, it will say so.
    guard var results = possible.first else {
      throw failure ?? Diagnostic(.invalidGraph, "no branch")
    }
    if possible.count == 2 {
      for (index, type) in possible[1].enumerated() {
        results[index] = try results[index].widened(by: type)
      }
    }
    return (op, results)
  }
}
