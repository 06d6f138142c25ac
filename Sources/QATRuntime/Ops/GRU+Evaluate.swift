import QATIR

extension GRU: RecurrentEvaluable {
  func step<T: ReferenceFloat>(
    input: [T], _ states: [[T]], _ weights: RecurrentWeights<T>
  ) -> RecurrentStep<T> {
    let n = weights.hidden, h = states[0]
    func gate(_ index: Int, _ function: Int, _ state: [T]) -> [(value: T, slope: T)] {
      (0..<n).map { weights.activate(function, input[index * n + $0] + state[$0]) }
    }
    let z = gate(0, 0, weights.ofState(0, h)), r = gate(1, 0, weights.ofState(1, h))
    // What the candidate's block is multiplied with, and the product.
    let read = resetsProduct ? h : zip(r, h).map { $0.value * $1 }
    let product = weights.ofState(2, read)
    let g = gate(2, 1, resetsProduct ? zip(r, product).map { $0.value * $1 } : product)
    let next = (0..<n).map { (1 - z[$0].value) * g[$0].value + z[$0].value * h[$0] }
    return RecurrentStep(
      before: states, after: [next], reads: [h, h, read],
      gates: [z, r, g].map { $0.map(\.value) }, slopes: [z, r, g].map { $0.map(\.slope) },
      rest: [product])
  }

  func gradient<T: ReferenceFloat>(
    of step: RecurrentStep<T>, _ after: [[T]], _ weights: RecurrentWeights<T>
  ) -> RecurrentStepGradient<T> {
    let n = 0..<weights.hidden, d = after[0], h = step.before[0]
    let (z, r, g) = (step.gates[0], step.gates[1], step.gates[2])
    let dz = n.map { d[$0] * (h[$0] - g[$0]) * step.slopes[0][$0] }
    let dg = n.map { d[$0] * (1 - z[$0]) * step.slopes[2][$0] }
    let product = resetsProduct ? n.map { dg[$0] * r[$0] } : dg
    let read = weights.transposed(2, product)
    let reset = resetsProduct ? zip(dg, step.rest[0]).map { $0 * $1 } : zip(read, h).map { $0 * $1 }
    let dr = zip(reset, step.slopes[1]).map { $0 * $1 }
    let byZ = weights.transposed(0, dz), byR = weights.transposed(1, dr)
    let before = n.map { i in
      d[i] * z[i] + byZ[i] + byR[i] + (resetsProduct ? read[i] : read[i] * r[i])
    }
    return RecurrentStepGradient(
      input: [dz, dr, dg], state: [dz, dr, product], before: [before])
  }
}
