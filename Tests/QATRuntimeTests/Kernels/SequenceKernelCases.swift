import QATCore
import QATIR

extension KernelCase {
  static let attention: [KernelCase] = {
    let q = floats([2, 4, 70, 8]), k = floats([2, 2, 9, 8], -1, 1), v = floats([2, 2, 9, 5], 0, 1)
    let mask = floats([70, 9], -1, 1),
      shown = AnyTensor(shape: [4, 1, 7], numbers(28).map { $0 > 0.4 })
    let past = [floats([2, 2, 3, 8], -1, 1), floats([2, 2, 3, 5], 0, 1)]
    let lengths = integers([4, 9]),
      hidden = AnyTensor(shape: [1, 9], [Bool](repeating: false, count: 9))
    var causal = Attention(), flat = Attention()
    (causal.isCausal, causal.softcap, causal.leftWindow) = (true, 2, 4)
    (flat.queryHeadCount, flat.keyHeadCount) = (4, 2)
    let side = [floats([2, 70, 32]), floats([2, 9, 16], -1, 1), floats([2, 9, 10], 0, 1)]
    let operands: [[AnyTensor?]] = [
      [q, k, v], [q, k, v, mask], [q, k, v, shown], [q, k, v, hidden],
      [q, k, v, nil, nil, nil, lengths],
    ]
    return [Attention(), causal].flatMap { op in
      operands.map { KernelCase(op: op, operands: $0, inputs: [0, 1, 2], tolerance: 1e-5) }
    }
      + (0..<4).map { stage in
        causal.scoreStage = Attention.ScoreStage(rawValue: stage) ?? .product
        // Biased scores of hidden keys are infinite, and no bound is.
        (causal.isCausal, causal.leftWindow) = stage == 2 ? (false, -1) : (true, 4)
        return KernelCase(
          op: causal, operands: [q, k, v, nil] + past, inputs: [0, 1, 2, 4, 5], results: 4,
          tolerance: 1e-5)
      } + [
        KernelCase(op: flat, operands: side, tolerance: 1e-5),
        KernelCase(op: flat, operands: side + [nil] + past, results: 3, tolerance: 1e-5),
      ]
  }()

  static let rotary: [KernelCase] = [false, true].flatMap { interleaved in
    let tables = [
      floats([7, 3]), floats([7, 3], 0, 1),
      AnyTensor(shape: [2, 4], [Int64](0...7).map { $0 % 7 }),
    ]
    let rows = [floats([2, 4, 4]), floats([2, 4, 4], 0, 1)]
    return [
      KernelCase(
        op: RotaryEmbedding(interleaved: interleaved, turnedCount: 6),
        operands: [floats([2, 3, 4, 8])] + tables, tolerance: 1e-6),
      KernelCase(
        op: RotaryEmbedding(interleaved: interleaved, headCount: 3),
        operands: [floats([2, 4, 24])] + rows, tolerance: 1e-6),
    ]
  }

  /// With weights that are known beforehand, and such that are not.
  static let recurrent: [KernelCase] = ["forward", "reverse", "bidirectional"].flatMap {
    direction in
    [0, 1].flatMap { layout -> [KernelCase] in
      var linear = GRU(), relu = RNN()
      linear.resetsProduct = true
      relu.recurrence.activations = ["Relu", "Relu"]
      return [LSTM(), GRU(), linear, RNN(), relu].flatMap {
        (layer: any Recurrent) -> [KernelCase] in
        recurrentCases(layer, direction, layout)
      }
    }
  }

  static func recurrentCases<Layer: Recurrent>(
    _ layer: Layer, _ direction: String, _ layout: Int
  ) -> [KernelCase] {
    var op = layer
    (op.recurrence.direction, op.recurrence.layout) = (direction, layout)
    let d = op.recurrence.directions, gates = Layer.gateCount * 17
    let x = floats(layout == 1 ? [3, 5, 40] : [5, 3, 40])
    let weights = [floats([d, gates, 40], -0.3, 0.3), floats([d, gates, 17], -0.3, 0.3)]
    let state = floats(layout == 1 ? [3, d, 17] : [d, 3, 17], -1, 1)
    let lengths = AnyTensor(shape: [3], [Int32(5), 0, 3])
    let more: [AnyTensor?] =
      [floats([d, 2 * gates]), lengths] + Layer.initialStates.map { _ in state }
    return [Set([0]), [0, 1, 2]].flatMap { inputs in
      [[], more].map { rest in
        KernelCase(
          op: op, operands: [x] + weights + rest, inputs: inputs, results: Layer.results.count,
          tolerance: 1e-5)
      }
    }
  }

  /// Of sequences of several lengths, and of whole ones without a bias.
  static let recurrentGradients: [KernelCase] = ["forward", "reverse", "bidirectional"].flatMap {
    direction in
    [0, 1].flatMap { layout -> [KernelCase] in
      var linear = GRU()
      linear.resetsProduct = true
      return [LSTM(), GRU(), linear].flatMap { (layer: any Recurrent) -> [KernelCase] in
        gradients(of: layer, direction, layout)
      }
    }
  }

  static func gradients<Layer: Recurrent>(
    of layer: Layer, _ direction: String, _ layout: Int
  ) -> [KernelCase] {
    recurrentCases(layer, direction, layout).filter { $0.inputs == [0] }.map { test in
      let d = direction == "bidirectional" ? 2 : 1
      let dy = floats(layout == 1 ? [3, 5, d, 17] : [5, d, 3, 17], -1, 1)
      let dh = floats(layout == 1 ? [3, d, 17] : [d, 3, 17], -1, 1)
      let seeds = [dy] + Layer.initialStates.map { _ in dh }
      let given = seeds + test.operands
      guard let op = test.op as? Layer else { preconditionFailure("the layer itself") }
      // Lengths are data.
      return KernelCase(
        op: RecurrentGradient(op), operands: given,
        inputs: Set(given.indices.filter { given[$0]?.element == .f32 }),
        results: RecurrentGradient<Layer>.floatOperands.count, tolerance: 1e-4)
    }
  }

  /// With a second matrix that is known beforehand, and one that is not.
  static let equations: [KernelCase] = [
    ("bhid,bhjd->bhij", [2, 3, 4, 5], [2, 3, 6, 5]), ("ij,jk->ki", [4, 5], [5, 6]),
    ("...i,...i->...", [2, 3, 4], [2, 3, 4]), ("i,j->ij", [4], [5]),
    ("bik,kjb->jib", [2, 3, 4], [4, 5, 2]),
  ].map { equation, a, b in
    KernelCase(
      op: Einsum(equation), operands: [floats(a), floats(b)], inputs: [0, 1], tolerance: 1e-6)
  }

  static let products: [KernelCase] =
    equations
    + [Set([0]), [0, 1, 2]].flatMap { inputs in
      [
        KernelCase(
          op: Gemm(transB: true), operands: [floats([3, 37]), floats([41, 37]), floats([41])],
          inputs: inputs, tolerance: 1e-6),
        KernelCase(
          op: Gemm(transA: true), operands: [floats([300, 5]), floats([300, 70])],
          inputs: inputs.intersection([0, 1]), tolerance: 1e-6),
        KernelCase(
          op: MatMul(), operands: [floats([2, 3, 20]), floats([20, 17])],
          inputs: inputs.intersection([0, 1]), tolerance: 1e-6),
      ]
    }
}
