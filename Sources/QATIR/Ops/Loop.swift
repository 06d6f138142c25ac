import QATCore

/// Runs a graph again and again, for a number of times or as long as a condition holds.
///
///     for i in 0..<M where cond {
///       cond, carried…, scan_outputs[i]… = body(i, cond, carried…, captured…)
///     }
///
/// - Operands: `M` i64, optional: how often at most; `cond` bool, optional: whether at all; the
///   carried values; the captured values.
/// - Results: the carried values as the last step left them; then what the other outputs of the body
///   were, stacked along a new first axis. Carried values may change their shapes.
/// - Attributes: `body`; `captures`.
/// - Gradient: none.
public struct Loop: ControlFlow {
  public static let name: OpName = "Loop"
  public static let operands: [OperandSpec] = [
    .i64("M", .optional), OperandSpec("cond", [.bool], as: nil, .optional),
    OperandSpec("v_initial", .all, as: nil, .variadic),
  ]
  public static let results: [ResultSpec] = [ResultSpec("v_final_and_scan_outputs", .variadic)]
  public static let attributes: [Attribute<Self>] = [
    .init("captures", \.captures), .init("body", \.body),
  ]

  /// How many operands, at the end, are there for the bodies alone.
  public var captures = 0
  /// `(i, cond, carried…, captured…) -> (cond, carried…, scan_outputs…)`.
  public var body = Graph(name: "")

  public init() {}
  public init(body: Graph, captures: Int = 0) {
    self.body = body
    self.captures = captures
  }

  public var bodies: [Graph] {
    get { [body] }
    set { body = newValue[0] }
  }

  /// How many values go from step to step, of so many operands.
  public func carriedCount(operands: Int) -> Int { max(operands - 2 - captures, 0) }

  public func nextCarried(
    operands: Int
  ) -> (operand: Int, input: Int, output: Int, result: Int)? {
    let count = carriedCount(operands: operands)
    return (2 + count, 2 + count, 1 + count, count)
  }

  public func bodyInputs(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let carried = try types(operands, min(2, operands.count)..<operands.count)
    return [TensorType(.i64, []), TensorType(.bool, [])] + carried
  }

  public func settled(
    _ operands: Operands
  ) throws(Diagnostic) -> (op: Loop, results: [TensorType]) {
    let end = max(try firstCapture(operands), 2)
    let initial = try types(operands, min(2, operands.count)..<min(end, operands.count))
    let captured = try types(operands, min(end, operands.count)..<operands.count)
    var op = self
    let settled = try settle(
      body, carrying: initial, before: scalars(), after: captured, skipping: 1)
    op.body = settled.body
    let condition = op.body[op.body.outputs[0]].type
    guard condition.element == .bool else {
      throw Diagnostic(.typeMismatch, "the condition of the body is \(condition)")
    }
    let scanned = op.body.outputTypes.dropFirst(1 + initial.count)
    let length = op.length(operands)
    return (
      op,
      settled.carried
        + scanned.map { type in
          TensorType(type.element, type.shape.map { Shape([length] + $0.dimensions) })
        }
    )
  }

  /// The types of step number and condition: scalars, which some files write with one dimension.
  private func scalars() throws(Diagnostic) -> [TensorType] {
    guard body.inputs.count >= 2 else {
      throw Diagnostic(.invalidGraph, "the body of a Loop takes the step and the condition first")
    }
    return zip(body.inputs, [ElementType.i64, .bool]).map { input, element in
      TensorType(element, body[input].type.shape == [1] ? [1] : [])
    }
  }

  /// How many steps there are: known where a constant says so and the condition always holds.
  private func length(_ operands: Operands) -> Dimension {
    let output = body.outputs[0]
    let source = body.operation(Identity.self, of: output).flatMap { body[$0.node].operands[0] }
    let next = source ?? output
    let keepsOn =
      next == body.inputs[1] || body[next].constant?.elements(as: Bool.self) == [true]
    let begins =
      !operands.isPresent(1) || operands.constant(1)?.elements(as: Bool.self) == [true]
    guard keepsOn, begins, let count = operands.dimensions(0)?.first else { return .unknown }
    return count.integer.map { Dimension(max($0, 0)) } ?? count
  }
}
