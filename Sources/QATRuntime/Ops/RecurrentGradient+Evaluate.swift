import QATCore
import QATIR

extension RecurrentGradient: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    guard let layer = base as? any RecurrentEvaluable else {
      throw Diagnostic(.unsupported, "unsupported layer \(Base.name): its steps are not known")
    }
    return try layer.evaluateGradients(call)
  }
}

extension RecurrentEvaluable {
  func evaluateGradients(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let x = call[Self.results.count]
    switch x.element {
    case .f32: return try gradients(call, as: Float.self)
    case .f64: return try gradients(call, as: Double.self)
    default: throw call.unsupportedElement(x.element)
    }
  }

  private func gradients<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let seedCount = Self.results.count, floats = RecurrentGradient<Self>.floatOperands
    let operands = Array(call.operands.dropFirst(seedCount))
    let layer = try RecurrentLayer<T>(self, operands), sizes = layer.sizes
    var gradients = Dictionary(
      uniqueKeysWithValues: zip(floats, call.resultTypes.indices).map { operand, index in
        (operand, [T](repeating: 0, count: call.shape(index).reduce(1, *)))
      })
    // Peepholes that are not there count as 0, and nobody asks for their gradient.
    let vectorCounts = Self.vectorCounts.filter { index, _ in
      operands.indices.contains(index) && operands[index] != nil
    }
    let seeds = (0..<seedCount).map { call.optional($0)?.elements(as: T.self) }
    for direction in 0..<sizes.directions {
      for entry in 0..<sizes.batch {
        let range = layer.stateRange(direction, entry)
        var states = seeds.dropFirst().map { seed in
          seed.map { Array($0[range]) } ?? [T](repeating: 0, count: sizes.hidden)
        }
        for (step, result) in layer.run(self, direction, entry).reversed() {
          let start = sizes.output(step, direction, entry)
          if let dy = seeds[0] { for i in 0..<sizes.hidden { states[0][i] += dy[start + i] } }
          let slope = gradient(of: result, states, layer.weights[direction])
          layer.add(slope, of: result, step, direction, entry, vectorCounts, to: &gradients)
          states = slope.before
        }
        for (index, state) in zip(Self.initialStates, states) {
          gradients[index]?.replaceSubrange(range, with: state)
        }
      }
    }
    return zip(floats, call.resultTypes.indices).map { operand, index in
      AnyTensor(shape: call.shape(index), gradients[operand] ?? [])
    }
  }
}

extension RecurrentLayer {
  /// Adds what one step contributes to the gradients of the layer's operands, by their index.
  fileprivate func add(
    _ slope: RecurrentStepGradient<T>, of result: RecurrentStep<T>, _ step: Int, _ direction: Int,
    _ entry: Int, _ vectorCounts: [Int: Int], to gradients: inout [Int: [T]]
  ) {
    let inputs = sizes.inputs, hidden = sizes.hidden, gates = slope.input.count * hidden
    let x = input(step, entry), weights = weights[direction]
    let byInput = slope.input.flatMap { $0 }, byState = slope.state.flatMap { $0 }
    for (row, d) in byInput.enumerated() {
      let start = (direction * gates + row) * inputs
      for (i, value) in x.enumerated() {
        gradients[1]?[start + i] += d * value
        gradients[0]?[x.startIndex + i] += d * weights.w[row * inputs + i]
      }
      gradients[3]?[2 * direction * gates + row] += d
    }
    for (row, d) in byState.enumerated() {
      let start = (direction * gates + row) * hidden
      for (i, value) in result.reads[row / hidden].enumerated() {
        gradients[2]?[start + i] += d * value
      }
      gradients[3]?[(2 * direction + 1) * gates + row] += d
    }
    for index in vectorCounts.keys {
      let start = direction * slope.vectors.count
      for (i, d) in slope.vectors.enumerated() { gradients[index]?[start + i] += d }
    }
  }
}
