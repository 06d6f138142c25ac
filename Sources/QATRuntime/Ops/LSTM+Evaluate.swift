import QATIR

// Gates in the order of the weights: i, o, f, c; peepholes i, o, f.
extension LSTM: RecurrentEvaluable {
  func step<T: ReferenceFloat>(
    input: [T], _ states: [[T]], _ weights: RecurrentWeights<T>
  ) -> RecurrentStep<T> {
    let n = weights.hidden, h = states[0], c = states[1], peepholes = weights.vectors
    func gate(_ index: Int, _ function: Int, seeing cell: [T]?) -> [(value: T, slope: T)] {
      let product = weights.ofState(index, h)
      return (0..<n).map { i in
        let seen = cell.map { peepholes[index * n + i] * $0[i] } ?? 0
        return weights.activate(function, input[index * n + i] + product[i] + seen)
      }
    }
    let i = gate(0, 0, seeing: c)
    // A coupled forget gate moves against the input gate.
    let f = couplesForget ? i.map { (1 - $0.value, -$0.slope) } : gate(2, 0, seeing: c)
    let g = gate(3, 1, seeing: nil)
    let cell = (0..<n).map { f[$0].value * c[$0] + i[$0].value * g[$0].value }
    let o = gate(1, 0, seeing: cell)
    // The clip is one of gates, as ONNX Runtime has it.
    let out = cell.map { weights.functions[2].evaluated($0, clip: nil) }
    let next = zip(o, out).map { $0.value * $1.value }
    return RecurrentStep(
      before: states, after: [next, cell], reads: [h, h, h, h],
      gates: [i, o, f, g].map { $0.map(\.value) }, slopes: [i, o, f, g].map { $0.map(\.slope) },
      rest: [out.map(\.value), out.map(\.slope)])
  }

  func gradient<T: ReferenceFloat>(
    of step: RecurrentStep<T>, _ after: [[T]], _ weights: RecurrentWeights<T>
  ) -> RecurrentStepGradient<T> {
    let n = 0..<weights.hidden, count = weights.hidden
    let c = step.before[1], cell = step.after[1], p = weights.vectors
    let dO = n.map { after[0][$0] * step.rest[0][$0] * step.slopes[1][$0] }
    let dCell = n.map { i in
      after[1][i] + after[0][i] * step.gates[1][i] * step.rest[1][i] + dO[i] * p[count + i]
    }
    var dI = n.map { dCell[$0] * step.gates[3][$0] * step.slopes[0][$0] }
    var dF = n.map { dCell[$0] * c[$0] * step.slopes[2][$0] }
    let dG = n.map { dCell[$0] * step.gates[0][$0] * step.slopes[3][$0] }
    if couplesForget {
      dI = zip(dI, dF).map { $0 + $1 }
      dF = n.map { _ in 0 }
    }
    let sums = [dI, dO, dF, dG]
    let before = sums.enumerated().reduce(into: [T](repeating: 0, count: count)) { total, gate in
      for (i, d) in weights.transposed(gate.offset, gate.element).enumerated() { total[i] += d }
    }
    let dC = n.map { i in
      dCell[i] * step.gates[2][i] + dI[i] * p[i] + dF[i] * p[2 * count + i]
    }
    return RecurrentStepGradient(
      input: sums, state: sums, before: [before, dC],
      vectors: n.map { dI[$0] * c[$0] } + n.map { dO[$0] * cell[$0] } + n.map { dF[$0] * c[$0] })
  }
}
