import QATCore
import QATIR

/// Where the elements of a recurrent layer's operands and results lie.
struct RecurrentSizes {
  let steps: Int, batch: Int, inputs: Int, hidden: Int, directions: Int
  let batchFirst: Bool

  init(_ attributes: RecurrentAttributes, x: [Int], r: [Int]) {
    batchFirst = attributes.layout == 1
    (steps, batch) = batchFirst ? (x[1], x[0]) : (x[0], x[1])
    (inputs, hidden) = (x[2], r[2])
    directions = attributes.directions
  }

  /// The row of x that a step of an entry reads.
  func input(_ step: Int, _ entry: Int) -> Int {
    batchFirst ? entry * steps + step : step * batch + entry
  }
  /// The first element of y of a step, a direction and an entry.
  func output(_ step: Int, _ direction: Int, _ entry: Int) -> Int {
    let row =
      batchFirst
      ? (entry * steps + step) * directions + direction
      : (step * directions + direction) * batch + entry
    return row * hidden
  }
  /// The first element of a state of a direction and an entry.
  func state(_ direction: Int, _ entry: Int) -> Int {
    (batchFirst ? entry * directions + direction : direction * batch + entry) * hidden
  }

  /// The lengths of the sequences; all of them whole where none are given.
  /// - Throws: `invalid-data` for a length outside 0...steps.
  func lengths(_ given: [Int]?) throws(Diagnostic) -> [Int] {
    guard let given else { return Array(repeating: steps, count: batch) }
    if let wrong = given.first(where: { !(0...steps).contains($0) }) {
      throw Diagnostic(.invalidData, "a sequence of length \(wrong), x has \(steps) steps")
    }
    return given
  }
}

/// The parameters of one direction.
struct RecurrentWeights<T: ReferenceFloat> {
  let hidden: Int, inputs: Int
  /// [G·H,I] and [G·H,H].
  let w: [T], r: [T]
  /// [G·H] each.
  let inputBias: [T], stateBias: [T]
  /// The vectors of H elements that the layer alone has.
  let vectors: [T]
  let functions: [RecurrentActivation]
  let clip: T?

  /// Rows of `w` times x, and their bias.
  func ofInput(_ x: ArraySlice<T>) -> [T] {
    inputBias.indices.map { row in
      inputBias[row] + dot(w[row * inputs..<(row + 1) * inputs], x)
    }
  }

  /// The rows of a gate's block of `r` times a vector, and their bias.
  func ofState(_ gate: Int, _ h: [T]) -> [T] {
    (gate * hidden..<(gate + 1) * hidden).map { row in
      stateBias[row] + dot(r[row * hidden..<(row + 1) * hidden], h[...])
    }
  }

  /// The transpose of a gate's block of `r` times a vector.
  func transposed(_ gate: Int, _ d: [T]) -> [T] {
    var result = [T](repeating: 0, count: hidden)
    for (row, factor) in d.enumerated() {
      let start = (gate * hidden + row) * hidden
      for column in 0..<hidden { result[column] += factor * r[start + column] }
    }
    return result
  }

  /// The activation of a gate and its slope.
  func activate(_ function: Int, _ x: T) -> (value: T, slope: T) {
    functions[function].evaluated(x, clip: clip)
  }
}

private func dot<T: ReferenceFloat>(_ a: ArraySlice<T>, _ b: ArraySlice<T>) -> T {
  zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
}

/// The operands of a call, taken apart.
struct RecurrentLayer<T: ReferenceFloat> {
  let sizes: RecurrentSizes
  let x: [T]
  let weights: [RecurrentWeights<T>]
  /// The states before the first step, shaped as their operands.
  let initialStates: [[T]]
  private let lengths: [Int]
  private let attributes: RecurrentAttributes

  init(_ op: some Recurrent, _ operands: [AnyTensor?]) throws(Diagnostic) {
    func elements(_ index: Int) -> [T]? {
      index < operands.count ? operands[index]?.elements(as: T.self) : nil
    }
    guard let x = operands[0], let w = elements(1), let r = operands[2], let rows = elements(2)
    else {
      preconditionFailure("required operands")
    }
    attributes = op.recurrence
    let sizes = RecurrentSizes(op.recurrence, x: x.shape, r: r.shape)
    self.sizes = sizes
    self.x = elements(0) ?? []
    let hidden = sizes.hidden, count = type(of: op).gateCount * hidden
    let vectorIndex = type(of: op).vectorCounts.first
    let vectorCount = (vectorIndex?.value ?? 0) * hidden
    let bias = elements(3) ?? Array(repeating: 0, count: sizes.directions * 2 * count)
    let vectors =
      vectorIndex.flatMap { elements($0.key) }
      ?? Array(repeating: 0, count: sizes.directions * vectorCount)
    weights = try op.activations().enumerated().map { d, functions in
      RecurrentWeights(
        hidden: hidden, inputs: sizes.inputs,
        w: Array(w[d * count * sizes.inputs..<(d + 1) * count * sizes.inputs]),
        r: Array(rows[d * count * hidden..<(d + 1) * count * hidden]),
        inputBias: Array(bias[2 * d * count..<(2 * d + 1) * count]),
        stateBias: Array(bias[(2 * d + 1) * count..<(2 * d + 2) * count]),
        vectors: Array(vectors[d * vectorCount..<(d + 1) * vectorCount]),
        functions: functions, clip: op.recurrence.clip.map { T($0) })
    }
    let stateSize = sizes.directions * sizes.batch * hidden
    initialStates = type(of: op).initialStates.map {
      elements($0) ?? Array(repeating: 0, count: stateSize)
    }
    let given = operands.count > 4 ? operands[4]?.integers : nil
    lengths = try sizes.lengths(given)
  }

  /// The steps of an entry in the order in which a direction takes them.
  func steps(_ direction: Int, _ entry: Int) -> [Int] {
    let steps = Array(0..<lengths[entry])
    return attributes.isReverse(direction) ? steps.reversed() : steps
  }

  /// What a step of an entry reads of x.
  func input(_ step: Int, _ entry: Int) -> ArraySlice<T> {
    let row = sizes.input(step, entry)
    return x[row * sizes.inputs..<(row + 1) * sizes.inputs]
  }

  /// The elements of a state of a direction and an entry.
  func stateRange(_ direction: Int, _ entry: Int) -> Range<Int> {
    let start = sizes.state(direction, entry)
    return start..<start + sizes.hidden
  }
}
