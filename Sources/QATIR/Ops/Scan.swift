import QATCore

/// Runs a graph on each slice of tensors, in order, with values that go from one to the next.
///
///     for i in 0..<length {
///       state…, outputs[i]… = body(state…, inputs[i]…, captured…)
///     }
///
/// - Operands: the states; `num_scan_inputs` tensors to be sliced; the captured values.
/// - Results: the states behind the last step; the other outputs of the body, stacked.
/// - Attributes: `body`, `captures`; `num_scan_inputs`; `scan_input_axes` and `scan_output_axes`, along
///   which tensors are sliced and stacked, 0 where absent; `scan_input_directions` and
///   `scan_output_directions`, 1 for last to first.
/// - Gradient: none.
public struct Scan: ControlFlow {
  public static let name: OpName = "Scan"
  public static let operands: [OperandSpec] = [
    OperandSpec("initial_state_and_scan_inputs", .all, as: nil, .variadic)
  ]
  public static let results: [ResultSpec] = [
    ResultSpec("final_state_and_scan_outputs", .variadic)
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("captures", \.captures), .init("num_scan_inputs", \.inputCount),
    .init("scan_input_axes", \.inputAxes), .init("scan_input_directions", \.inputDirections),
    .init("scan_output_axes", \.outputAxes), .init("scan_output_directions", \.outputDirections),
    .init("body", \.body),
  ]

  /// How many operands, at the end, are there for the bodies alone.
  public var captures = 0
  /// How many tensors are sliced.
  public var inputCount = 0
  /// Along which axes they are; empty for 0. Negative ones count from the back.
  public var inputAxes: [Int] = []
  /// 1 for each that is sliced from the end; empty for none.
  public var inputDirections: [Int] = []
  /// Along which axes outputs are stacked; empty for 0. Negative ones count from the back.
  public var outputAxes: [Int] = []
  /// 1 for each that is stacked from the end; empty for none.
  public var outputDirections: [Int] = []
  /// `(state…, slices…, captured…) -> (state…, outputs…)`.
  public var body = Graph(name: "")

  public init() {}

  public var bodies: [Graph] {
    get { [body] }
    set { body = newValue[0] }
  }

  /// How many values go from step to step, of so many operands.
  public func stateCount(operands: Int) -> Int { max(operands - captures - inputCount, 0) }
  /// The axis along which an input is sliced, as given.
  public func inputAxis(_ index: Int) -> Int { index < inputAxes.count ? inputAxes[index] : 0 }
  /// The axis along which an output is stacked, as given.
  public func outputAxis(_ index: Int) -> Int { index < outputAxes.count ? outputAxes[index] : 0 }
  /// Whether an input is sliced from the end.
  public func isInputReversed(_ index: Int) -> Bool {
    index < inputDirections.count && inputDirections[index] == 1
  }
  /// Whether an output is stacked from the end.
  public func isOutputReversed(_ index: Int) -> Bool {
    index < outputDirections.count && outputDirections[index] == 1
  }

  public func nextCarried(
    operands: Int
  ) -> (operand: Int, input: Int, output: Int, result: Int)? {
    let count = stateCount(operands: operands)
    return (count, count, count, count)
  }

  public func bodyInputs(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let states = try firstInput(operands.count)
    return try types(operands, 0..<states)
      + slices(types(operands, states..<operands.count)).types
  }

  /// The index of the first operand that is sliced, of so many without the captured ones.
  private func firstInput(_ count: Int) throws(Diagnostic) -> Int {
    guard count > 0, (1...count).contains(inputCount) else {
      throw Diagnostic(.invalidAttribute, "num_scan_inputs \(inputCount) of \(count) operands")
    }
    return count - inputCount
  }

  public func settled(
    _ operands: Operands
  ) throws(Diagnostic) -> (op: Scan, results: [TensorType]) {
    let end = try firstCapture(operands)
    let states = try firstInput(end)
    let captured = try types(operands, end..<operands.count)
    let (slices, length) = try slices(try types(operands, states..<end))
    var op = self
    let settled = try settle(
      body, carrying: try types(operands, 0..<states), before: [], after: slices + captured,
      skipping: 0)
    op.body = settled.body
    var results = settled.carried
    for (index, type) in op.body.outputTypes.dropFirst(states).enumerated() {
      results.append(try stacked(type, index, length))
    }
    return (op, results)
  }

  /// The types of the slices, and how many there are.
  private func slices(
    _ inputs: [TensorType]
  ) throws(Diagnostic) -> (types: [TensorType], length: Dimension) {
    var slices: [TensorType] = []
    var length = Dimension.unknown
    for (index, type) in inputs.enumerated() {
      guard var shape = type.shape else {
        slices.append(type)
        continue
      }
      let axis = try checkedAxis(inputAxis(index), rank: shape.rank)
      let size = shape.dimensions.remove(at: axis)
      if let a = length.size, let b = size.size, a != b {
        throw Diagnostic(.shapeMismatch, "scan inputs have \(a) and \(b) slices")
      }
      if length.size == nil { length = size.isUnknown ? length : size }
      slices.append(TensorType(type.element, shape))
    }
    return (slices, length)
  }

  private func stacked(
    _ type: TensorType, _ index: Int, _ length: Dimension
  ) throws(Diagnostic) -> TensorType {
    guard var shape = type.shape else { return type }
    let axis = try checkedAxis(outputAxis(index), rank: shape.rank + 1)
    shape.dimensions.insert(length, at: axis)
    return TensorType(type.element, shape)
  }
}
