import QATCore
import QATIR
import QATRuntime
import Testing

@Suite("Shapes of attention, rotary embeddings and recurrent layers")
struct SequenceInferenceTests {
  private let n = Dimension(symbol: "N"), s = Dimension(symbol: "S")

  private func shapes(
    _ op: any Operation, _ operands: [Shape?], results: Int = 1, integers: Set<Int> = []
  ) throws -> [String] {
    var graph = Graph(name: "shapes")
    let ids = operands.enumerated().map { index, shape -> ValueID? in
      let element: ElementType = integers.contains(index) ? (op is Attention ? .i64 : .i32) : .f32
      return shape.map { graph.addInput("x\(index)", TensorType(element, $0)) }
    }
    return try graph.inferredTypes(of: op, ids, resultCount: results).prefix(results).map {
      $0.shape?.description ?? "*"
    }
  }

  private func mistake(_ op: any Operation, _ operands: [Shape?], integers: Set<Int> = []) -> String
  {
    do {
      return "no mistake: \(try shapes(op, operands, integers: integers))"
    } catch let error as Diagnostic { return error.message } catch { return "\(error)" }
  }

  @Test("symbols stay in both layouts")
  func symbols() throws {
    let heads: [Shape] = [[n, 4, s, 8], [n, 2, s, 8], [n, 2, s, 6]]
    #expect(
      try shapes(Attention(), heads, results: 4)
        == ["[N,4,S,6]", "[N,2,S,8]", "[N,2,S,6]", "[N,4,S,S]"])
    var flat = Attention()
    (flat.queryHeadCount, flat.keyHeadCount) = (4, 2)
    let rows: [Shape?] = [[n, s, 32], [n, 5, 16], [n, 5, 12], nil, [n, 2, 3, 8], [n, 2, 3, 6]]
    #expect(
      try shapes(flat, rows, results: 4)
        == ["[N,S,24]", "[N,2,8,8]", "[N,2,8,6]", "[N,4,S,8]"])
    var lstm = LSTM()
    lstm.recurrence.direction = "bidirectional"
    let weights: [Shape] = [[2, 12, 5], [2, 12, 3]]
    #expect(
      try shapes(lstm, [[s, n, 5]] + weights, results: 3)
        == ["[S,2,N,3]", "[2,N,3]", "[2,N,3]"])
    lstm.recurrence.layout = 1
    #expect(
      try shapes(lstm, [[n, s, 5]] + weights, results: 3)
        == ["[N,S,2,3]", "[N,2,3]", "[N,2,3]"])
    #expect(
      try shapes(RecurrentGradient(lstm), [nil, [n, 2, 3], nil, [n, s, 5]] + weights, results: 7)
        == ["[N,S,5]", "[2,12,5]", "[2,12,3]", "[2,24]", "[N,2,3]", "[N,2,3]", "[2,9]"])
  }

  @Test("attention says what does not fit")
  func attention() {
    let q: Shape = [2, 4, 3, 8], k: Shape = [2, 2, 5, 8]
    #expect(
      mistake(Attention(), [q, [2, 3, 5, 8], [2, 3, 5, 8]])
        == "4 heads of q can't share 3 of k and v")
    #expect(mistake(Attention(), [q, k, [2, 2, 6, 8]]) == "the length of v is 6, expected 5")
    #expect(mistake(Attention(), [q, [2, 2, 5, 7], k]) == "the head size of k is 7, expected 8")
    #expect(mistake(Attention(), [q, k, [2, 5, 16]]).hasPrefix("q, k and v have shapes"))
    #expect(
      mistake(Attention(), [q, k, k, nil, [2, 2, 1, 8]]) == "past_key and past_value go together")
    #expect(
      mistake(Attention(), [q, k, k, nil, [2, 2, 1, 8], [2, 2, 2, 8]])
        == "past_value is of length 2, past_key of 1")
    #expect(
      mistake(Attention(), [q, k, k, nil, [2, 2, 1, 8], [2, 2, 1, 8], [2]], integers: [6])
        == "nonpad_kv_seqlen can't be used with past_key")
    #expect(mistake(Attention(), [q, k, k, [4, 6]]).contains("can't be broadcast to [2,4,3,5]"))
    #expect(
      mistake(Attention(), [[2, 3, 32], [2, 5, 16], [2, 5, 16]])
        == "tensors of rank 3 need the number of heads")
    var flat = Attention()
    (flat.queryHeadCount, flat.keyHeadCount) = (5, 2)
    #expect(
      mistake(flat, [[2, 3, 32], [2, 5, 16], [2, 5, 16]])
        == "32 elements can't be divided into 5 heads")
    #expect(throws: Diagnostic.self) {
      try ReferenceEvaluator.evaluate(
        Attention(),
        [
          numbers([1, 1, 2, 2]), numbers([1, 1, 3, 2]), numbers([1, 1, 3, 2]), nil, nil, nil,
          AnyTensor(shape: [1], [Int64(4)]),
        ])
    }
  }

  @Test("rotary embeddings say what does not fit")
  func rotary() {
    let table: Shape = [2, 3, 4]
    #expect(mistake(RotaryEmbedding(), [[2, 3, 8], table, table]).contains("number of heads"))
    #expect(
      mistake(RotaryEmbedding(), [[2, 1, 3, 8], [2, 3, 3], table])
        == "cos_cache has shape [2,3,3], expected [2,3,4]")
    #expect(
      mistake(RotaryEmbedding(), [[2, 1, 3, 7], table, table])
        == "7 elements of a head make no pairs")
    #expect(
      mistake(RotaryEmbedding(turnedCount: 10), [[2, 1, 3, 8], table, table])
        == "10 elements of a head of 8 can't be turned")
    let positions = AnyTensor(shape: [1, 1], [Int64(7)])
    #expect(throws: Diagnostic.self) {
      try ReferenceEvaluator.evaluate(
        RotaryEmbedding(),
        [numbers([1, 1, 1, 2]), numbers([7, 1]), numbers([7, 1]), positions])
    }
  }

  @Test("recurrent layers say what does not fit")
  func recurrent() {
    let x: Shape = [7, 2, 5], w: Shape = [1, 9, 5], r: Shape = [1, 9, 3]
    #expect(mistake(GRU(), [x, w, [1, 9, 4]]) == "w has shape [1,9,5], expected [1,12,5]")
    #expect(mistake(GRU(), [[7, 5], w, r]).hasPrefix("x has shape [7,5]"))
    #expect(mistake(GRU(), [x, w, r, [1, 9]]) == "b has shape [1,9], expected [1,18]")
    #expect(
      mistake(GRU(), [x, w, r, nil, [3]], integers: [4])
        == "sequence_lens has shape [3], expected [2]")
    #expect(
      mistake(GRU(), [x, w, r, nil, nil, [2, 1, 3]])
        == "initial_h has shape [2,1,3], expected [1,2,3]")
    var wrong = GRU()
    wrong.recurrence.direction = "sideways"
    #expect(mistake(wrong, [x, w, r]) == "direction is 'sideways'")
    wrong.recurrence.direction = "forward"
    wrong.recurrence.activations = ["Sigmoid", "Tan"]
    #expect(mistake(wrong, [x, w, r]) == "no activation is called 'Tan'")
    wrong.recurrence.activations = ["Sigmoid"]
    #expect(mistake(wrong, [x, w, r]) == "1 activations, expected 2")
    let lengths = AnyTensor(shape: [2], [Int32(8), 1])
    #expect(throws: Diagnostic.self) {
      try ReferenceEvaluator.evaluate(
        GRU(), [numbers([7, 2, 5]), numbers([1, 9, 5]), numbers([1, 9, 3]), nil, lengths])
    }
  }

  @Test("normalizations say what does not fit")
  func normalizations() {
    #expect(
      mistake(GroupNormalization(groups: 4), [[2, 6, 5], [6], [6]])
        == "6 channels can't be divided into 4 groups")
    #expect(
      mistake(GroupNormalization(), [[2, 6, 5], [6], [6]])
        == "6 channels can't be divided into 0 groups")
    #expect(
      mistake(InstanceNormalization(), [[2, 6, 5], [5], [6]]) == "scale has shape [5], expected [6]"
    )
    #expect(
      mistake(InstanceNormalization(), [[6], [6], [6]]) == "x has shape [6], expected [N,C,…]")
    #expect(
      mistake(RMSNormalization(axis: 3), [[2, 6, 5], [5]]).contains("outside a tensor of rank 3"))
  }
}
