import QATCore

/// A recurrent layer: `LSTM`, `GRU`, `RNN`.
///
/// - Operands: `x` [L,B,I]; `w` [D,G·H,I] and `r` [D,G·H,H], the weights of the gates, one below
///   the other, in each of D directions; `b` [D,2·G·H], a bias that belongs to `w` and one that
///   belongs to `r`; `sequence_lens` i32[B]; the states before the first step [D,B,H].
/// - Results: `y` [L,D,B,H], 0 behind a sequence's end; the states behind its last step [D,B,H].
/// - With `layout` = 1 the batch comes first: [B,L,I], [B,D,H], [B,L,D,H].
public protocol Recurrent: Operation {
  /// How many gates there are, a block of rows of the weights each.
  static var gateCount: Int { get }
  /// The activations of one direction where the attribute does not name them.
  static var defaultActivations: [String] { get }
  /// The operand that holds each state before the first step; its result stands at 1 + its index.
  static var initialStates: [Int] { get }
  /// Parameters [D,count·H] besides the bias: by the index of the operand, the count.
  static var vectorCounts: [Int: Int] { get }
  /// The attributes that all recurrent layers have.
  var recurrence: RecurrentAttributes { get set }
}

/// The attributes that recurrent layers share.
public struct RecurrentAttributes: Sendable, Equatable {
  /// Names, one for each function of each direction; the layer's own where absent.
  public var activations: [String]? = nil
  /// The first parameters of those activations that have one, in order.
  public var alphas: [Float]? = nil
  /// The second parameters of those activations that have one, in order.
  public var betas: [Float]? = nil
  /// What the activations of gates read is kept inside -clip...clip.
  public var clip: Float? = nil
  /// `forward`, `reverse` or `bidirectional`.
  public var direction = "forward"
  /// The size of the state, which the weights tell as well.
  public var hiddenSize: Int? = nil
  /// 0 where the steps come first, 1 where the batch does.
  public var layout = 0

  public init() {}

  /// How many directions there are.
  public var directions: Int { direction == "bidirectional" ? 2 : 1 }
  /// Whether a direction goes from the last step to the first.
  public func isReverse(_ index: Int) -> Bool { direction == "reverse" || index == 1 }
}

extension Recurrent {
  /// The operands that all recurrent layers have.
  public static var sharedOperands: [OperandSpec] {
    [
      .float("x"), .float("w"), .float("r"), .float("b", .optional),
      OperandSpec("sequence_lens", [.i32], as: nil, .optional),
      .float("initial_h", .optional),
    ]
  }
  /// The attributes that all recurrent layers have.
  public static var sharedAttributes: [Attribute<Self>] {
    [
      .init("activation_alpha", \.recurrence.alphas), .init("activation_beta", \.recurrence.betas),
      .init("activations", \.recurrence.activations), .init("clip", \.recurrence.clip),
      .init("direction", \.recurrence.direction), .init("hidden_size", \.recurrence.hiddenSize),
      .init("layout", \.recurrence.layout),
    ]
  }
  public static var results: [ResultSpec] {
    [ResultSpec("y", .optional), ResultSpec("y_h", .optional)]
  }
  public static var vectorCounts: [Int: Int] { [:] }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let types = try parameterTypes(operands)
    for (index, type) in types.sorted(by: { $0.key < $1.key }) {
      try checkShape(operands, index, type.knownShape, of: Self.operands)
    }
    _ = try activations()
    let x = operands[0].knownShape, element = operands[0].element
    let state = types[Self.initialStates[0]] ?? operands[0]
    var y = [x[0], Dimension(recurrence.directions), x[1], hiddenSize(operands)]
    if recurrence.layout == 1 { y = [y[0], y[2], y[1], y[3]] }
    return [TensorType(element, Shape(y))] + Self.initialStates.map { _ in state }
  }

  /// The types that the operands of a float type have, present or not, by their index.
  public func parameterTypes(_ operands: Operands) throws(Diagnostic) -> [Int: TensorType] {
    guard ["forward", "reverse", "bidirectional"].contains(recurrence.direction) else {
      throw Diagnostic(
        .invalidAttribute, "direction is '\(recurrence.direction)'",
        hint: "use forward, reverse or bidirectional")
    }
    guard recurrence.layout == 0 || recurrence.layout == 1 else {
      throw Diagnostic(.invalidAttribute, "layout is \(recurrence.layout)", hint: "use 0 or 1")
    }
    let x = operands[0].knownShape
    guard x.rank == 3 else {
      throw Diagnostic(.shapeMismatch, "x has shape \(x), expected [steps,batch,size]")
    }
    let hidden = hiddenSize(operands), d = Dimension(recurrence.directions)
    let gates = Dimension(Self.gateCount) * hidden
    let batchFirst = recurrence.layout == 1
    let state = Shape(batchFirst ? [x[0], d, hidden] : [d, x[1], hidden])
    var shapes: [Int: Shape] = [
      0: x, 1: [d, gates, x[2]], 2: [d, gates, hidden], 3: [d, 2 * gates],
    ]
    for index in Self.initialStates { shapes[index] = state }
    for (index, count) in Self.vectorCounts { shapes[index] = [d, Dimension(count) * hidden] }
    try checkShape(operands, 4, [batchFirst ? x[0] : x[1]], of: Self.operands)
    return shapes.mapValues { TensorType(operands[0].element, $0) }
  }

  private func hiddenSize(_ operands: Operands) -> Dimension {
    if let size = recurrence.hiddenSize { return Dimension(size) }
    return operands[2].knownShape.dimensions.last ?? .unknown
  }

  /// The activations of each direction.
  /// - Throws: `invalid-attribute` for names that nothing has and for lists of the wrong length.
  public func activations() throws(Diagnostic) -> [[RecurrentActivation]] {
    let count = Self.defaultActivations.count, directions = recurrence.directions
    let names =
      recurrence.activations ?? (0..<directions).flatMap { _ in Self.defaultActivations }
    // Two names, RNN's default in ONNX, may stand at one direction as well.
    guard names.count >= count * directions else {
      throw Diagnostic(
        .invalidAttribute, "\(names.count) activations, expected \(count * directions)")
    }
    var alphas = (recurrence.alphas ?? [])[...], betas = (recurrence.betas ?? [])[...]
    var result: [RecurrentActivation] = []
    for name in names.prefix(count * directions) {
      result.append(try RecurrentActivation(name, alphas: &alphas, betas: &betas))
    }
    return (0..<directions).map { Array(result[$0 * count..<($0 + 1) * count]) }
  }
}
