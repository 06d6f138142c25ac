import QATIR

extension RNN: RecurrentEvaluable {
  func step<T: ReferenceFloat>(
    input: [T], _ states: [[T]], _ weights: RecurrentWeights<T>
  ) -> RecurrentStep<T> {
    let sums = zip(input, weights.ofState(0, states[0])).map { $0 + $1 }
    let h = sums.map { weights.activate(0, $0) }
    return RecurrentStep(
      before: states, after: [h.map(\.value)], reads: states, gates: [h.map(\.value)],
      slopes: [h.map(\.slope)])
  }

  func gradient<T: ReferenceFloat>(
    of step: RecurrentStep<T>, _ after: [[T]], _ weights: RecurrentWeights<T>
  ) -> RecurrentStepGradient<T> {
    let sums = zip(after[0], step.slopes[0]).map { $0 * $1 }
    return RecurrentStepGradient(
      input: [sums], state: [sums], before: [weights.transposed(0, sums)])
  }
}
