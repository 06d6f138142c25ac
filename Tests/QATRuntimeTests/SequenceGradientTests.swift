import QATCore
import QATIR
import QATRuntime
import Testing

@Suite("Gradients of normalizations, attention and recurrent layers, against central differences")
struct SequenceGradientTests {
  @Test("of normalized groups, channels and rows")
  func normalizations() throws {
    let x = numbers([2, 6, 3, 2]), channels = [positives([6], 2), numbers([6], 3)]
    try checkGradients(of: InstanceNormalization(epsilon: 1e-3), [x] + channels)
    for groups in [1, 2, 6] {
      try checkGradients(of: GroupNormalization(groups: groups), [x] + channels)
    }
    let rows = numbers([2, 3, 4])
    try checkGradients(of: RMSNormalization(), [rows, positives([4])])
    try checkGradients(of: RMSNormalization(axis: 1, epsilon: 0.1), [rows, positives([4])])
    try checkGradients(of: RMSNormalization(axis: 0), [rows, positives([2, 1, 4])])
  }

  @Test("of a layer normalization's mean and deviation")
  func statistics() throws {
    let operands = [numbers([2, 3, 4]), positives([4]), numbers([4])]
    for axis in [-1, 1] {
      var op = LayerNormalization(axis: axis)
      op.stashType = .f64
      for results in [2, 3] {
        try checkGradients(of: op, operands, results: results, seeded: results)
      }
    }
  }

  @Test("of turned heads", arguments: [false, true])
  func rotary(_ interleaved: Bool) throws {
    let tables = [numbers([2, 3, 2], 2), numbers([2, 3, 2], 3)]
    try checkGradients(
      of: RotaryEmbedding(interleaved: interleaved), [numbers([2, 2, 3, 4])] + tables,
      checking: [0])
    let places = AnyTensor(shape: [2, 3], [Int64(0), 2, 1, 3, 3, 0])
    try checkGradients(
      of: RotaryEmbedding(interleaved: interleaved, headCount: 2, turnedCount: 4),
      [numbers([2, 3, 12])] + [numbers([4, 2], 2), numbers([4, 2], 3), places], checking: [0])
  }

  @Test("of attention, with shared heads, masks, windows and a cap")
  func attention() throws {
    let q = numbers([2, 4, 3, 2]), k = numbers([2, 2, 5, 2], 2), v = numbers([2, 2, 5, 3], 3)
    try checkGradients(of: Attention(), [q, k, v])
    var capped = Attention()
    (capped.softcap, capped.scale, capped.isCausal) = (1.5, 0.7, true)
    try checkGradients(of: capped, [q, k, v, numbers([1, 4, 3, 4], 4)])
    var windowed = Attention()
    (windowed.leftWindow, windowed.rightWindow) = (1, 1)
    let past = [numbers([2, 2, 2, 2], 5), numbers([2, 2, 2, 3], 6)]
    try checkGradients(
      of: windowed, [q, k, v, numbers([3, 7], 7)] + past, results: 3, seeded: 3)
    let lengths = AnyTensor(shape: [2], [Int64(3), 5])
    try checkGradients(of: capped, [q, k, v, nil, nil, nil, lengths])
  }

  @Test("of attention whose heads lie side by side")
  func flatAttention() throws {
    var op = Attention()
    (op.queryHeadCount, op.keyHeadCount) = (4, 2)
    let operands = [numbers([2, 3, 8]), numbers([2, 5, 4], 2), numbers([2, 5, 6], 3)]
    try checkGradients(of: op, operands)
    let past = [numbers([2, 2, 1, 2], 5), numbers([2, 2, 1, 3], 6)]
    try checkGradients(of: op, operands + [nil] + past, results: 3, seeded: 3)
  }

  @Test("of an attention's scores", arguments: [0, 1, 2, 3])
  func scores(_ stage: Int) throws {
    var op = Attention()
    op.softcap = 2
    try op.setAttribute("qk_matmul_output_mode", .int(stage))
    let operands = [
      numbers([1, 2, 3, 2]), numbers([1, 1, 4, 2], 2), numbers([1, 1, 4, 2], 3),
      numbers([3, 4], 4),
    ]
    try checkGradients(of: op, operands, results: 4, seeded: 4)
  }

  @Test(
    "of recurrent layers, in every direction and layout",
    arguments: ["forward", "reverse", "bidirectional"], [0, 1])
  func recurrent(_ direction: String, _ layout: Int) throws {
    for op in [LSTM(), GRU(), RNN()] as [any Recurrent] {
      try check(op, direction, layout)
    }
  }

  @Test("of recurrent layers with other activations, couplings and clipping")
  func variants() throws {
    var lstm = LSTM(), gru = GRU(), rnn = RNN()
    lstm.couplesForget = true
    lstm.recurrence.clip = 0.8
    gru.resetsProduct = true
    gru.recurrence.activations = ["HardSigmoid", "Softsign"]
    gru.recurrence.alphas = [0.15]
    rnn.recurrence.activations = ["ScaledTanh"]
    (rnn.recurrence.alphas, rnn.recurrence.betas) = ([0.9], [0.7])
    for op in [lstm, gru, rnn] as [any Recurrent] { try check(op, "forward", 0) }
    for name in ["Affine", "Elu", "LeakyRelu", "Relu", "Softplus", "ThresholdedRelu"] {
      rnn.recurrence.activations = [name]
      try check(rnn, "reverse", 0)
    }
  }

  /// With all operands, and with those alone that must be there.
  private func check<Layer: Recurrent>(
    _ layer: Layer, _ direction: String, _ layout: Int
  ) throws {
    var op = layer
    (op.recurrence.direction, op.recurrence.layout) = (direction, layout)
    let (steps, batch, size, hidden) = (3, 2, 2, 2), d = op.recurrence.directions
    let gates = Layer.gateCount * hidden
    let x = numbers(layout == 1 ? [batch, steps, size] : [steps, batch, size])
    let weights = [
      numbers([d, gates, size], 2, scale: 0.5), numbers([d, gates, hidden], 3, scale: 0.5),
    ]
    let states = Layer.initialStates.map {
      numbers(layout == 1 ? [batch, d, hidden] : [d, batch, hidden], 4 + $0)
    }
    var all: [AnyTensor?] =
      [x] + weights
      + [numbers([d, 2 * gates], 9, scale: 0.3), AnyTensor(shape: [batch], [Int32(3), 2])] + states
    if Layer.vectorCounts[7] != nil { all.append(numbers([d, 3 * hidden], 8, scale: 0.4)) }
    let results = Layer.results.count
    try checkGradients(of: op, all, results: results, seeded: results)
    try checkGradients(of: op, [x] + weights, results: results)
  }
}
