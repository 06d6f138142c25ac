import Foundation
import QAT
import Testing

/// The node in a graph that is trained: what goes through it, forward and backward.
@Suite("Fake-quantize node")
struct FakeQuantizeNodeTests {
  /// loss = mean((tanh(q(x · w1)) · w2 - t)²), q with `attributes`.
  private func graph(_ attributes: String = "grid = i4") throws -> Graph {
    try Graph(
      text: """
        graph @node(%x: f32[N,4]) -> (%y: f32[N,1]) {
          variable %w1: f32[4,3] = [\(Self.w1.map { "\($0)" }.joined(separator: ", "))]
          variable %w2: f32[3,1] = [0.7, -0.4, 0.9]
          constant %s: f32[] = [\(Self.grid.scale)]
          constant %z: i32[] = [\(Self.grid.zero)]
          %h = MatMul(%x, %w1)
          %q = qat.FakeQuantize(%h, %s, %z) {\(attributes)}
          %t = Tanh(%q)
          %y = MatMul(%t, %w2)
        }
        """)
  }

  /// Values from -1.35 to 0.9: some of the samples below lie outside.
  private static let grid = ReferenceGrid(low: -8, high: 7, scale: 0.15, zero: 1)
  private static let w1: [Float] = [
    0.5, -0.25, 0.3, 0.9, 0.2, -0.7, -0.35, 0.6, 0.1, 0.45, -0.8, 0.55,
  ]
  private static let x = numbers(5 * 4, 3).map { $0 * 3 }
  private static let targets: [Float] = [0.3, -0.2, 0.8, 0.1, -0.6]

  private var batch: Batch {
    Batch(
      inputs: ["x": AnyTensor(shape: [5, 4], Self.x)],
      labels: AnyTensor(shape: [5, 1], Self.targets))
  }

  /// The hidden values in float64.
  private func hidden(_ w1: [Double]) -> [Double] {
    (0..<15).map { index -> Double in
      let row = Self.x[index / 3 * 4..<index / 3 * 4 + 4]
      return zip(row, 0..<4).reduce(0) { $0 + Double($1.0) * w1[$1.1 * 3 + index % 3] }
    }
  }

  /// The loss of the float net around the node, in float64, given what comes out of the node.
  private func loss(_ q: [Double]) -> Double {
    let w2 = [Double(Float(0.7)), Double(Float(-0.4)), Double(Float(0.9))]
    return (0..<5).reduce(0) { sum, row in
      let y = (0..<3).reduce(0) { $0 + tanh(q[row * 3 + $1]) * w2[$1] }
      let distance = y - Double(Self.targets[row])
      return sum + distance * distance / 5
    }
  }

  /// dloss/dw1 by central differences, where the node passes changes of the inside elements as they
  /// are, and none of the others.
  private func differences(passing: (Float) -> Bool) -> [Double] {
    let w = Self.w1.map(Double.init), start = hidden(w)
    let rounded = start.map { Double(Self.grid.value(Float($0))) }
    let passes = start.map { passing(Float($0)) }
    func surrogate(_ w: [Double]) -> Double {
      let now = hidden(w)
      return loss(now.indices.map { rounded[$0] + (passes[$0] ? now[$0] - start[$0] : 0) })
    }
    return w.indices.map { index in
      var up = w, down = w
      up[index] += 1e-5
      down[index] -= 1e-5
      return (surrogate(up) - surrogate(down)) / 2e-5
    }
  }

  /// Gradients that a step sees, by name; no variable is moved.
  private func gradients(_ graph: Graph, of names: [String]) throws -> (
    loss: Float, values: [String: [Float]]
  ) {
    var options = TrainingOptions()
    options.loss = .mse
    let step = try TrainingStep(graph, options)
    var seen: [String: [Float]] = [:]
    for name in names {
      try step.addBackwardHook(on: name) { seen[$0.name] = $0.value.floats }
    }
    return (try step.run(batch, learningRate: 0), seen)
  }

  @Test("computes the loss of the rounded values") func forward() throws {
    let q = hidden(Self.w1.map(Double.init)).map { Double(Self.grid.value(Float($0))) }
    let found = try gradients(graph(), of: [])
    // float32 sums of a few terms.
    #expect(abs(Double(found.loss) - loss(q)) < 1e-6)
  }

  @Test("lets gradients straight through inside the grid, and none outside")
  func straightThrough() throws {
    let found = try gradients(graph(), of: ["w1", "h", "q"]).values
    let h = hidden(Self.w1.map(Double.init)).map { Float($0) }
    let inside = h.map(Self.grid.isInside)
    #expect(inside.contains(true) && inside.contains(false))
    let behind = try #require(found["q"]), front = try #require(found["h"])
    #expect(front == zip(behind, inside).map { $1 ? $0 : 0 })
    #expect(behind.allSatisfy { $0 != 0 })
    let expected = differences(passing: Self.grid.isInside)
    for (gradient, expected) in zip(try #require(found["w1"]), expected) {
      #expect(abs(Double(gradient) - expected) < 1e-5 * max(1, abs(expected)))
    }
  }

  @Test("lets all gradients through where it is told to") func plain() throws {
    let found = try gradients(
      graph("grid = i4, straight_through = \"plain\""), of: ["w1", "h", "q"]
    ).values
    #expect(found["h"] == found["q"])
    for (gradient, expected) in zip(
      try #require(found["w1"]), differences(passing: { _ in true }))
    {
      #expect(abs(Double(gradient) - expected) < 1e-5 * max(1, abs(expected)))
    }
  }

  @Test("rounds weights by their channels, and passes their gradients") func weights() throws {
    // y = x · q(w): dw = xᵀ · dy inside, 0 outside; the last channel's largest weight is outside.
    let w: [Float] = [0.9, -0.3, 2, 0.2, 0.6, -0.4]
    let graph = try Graph(
      text: """
        graph @line(%x: f32[N,2]) -> (%y: f32[N,3]) {
          variable %w: f32[2,3] = [\(w.map { "\($0)" }.joined(separator: ", "))]
          constant %s: f32[3] = [0.125, 0.1, 0.25]
          constant %z: i32[3] = [0, 0, 0]
          %q = qat.FakeQuantize(%w, %s, %z) {grid = i4, axis = 1}
          %y = MatMul(%x, %q)
        }
        """)
    let scales: [Float] = [0.125, 0.1, 0.25]
    let grids = scales.map { ReferenceGrid(low: -8, high: 7, scale: $0, zero: 0) }
    var options = TrainingOptions()
    options.loss = .mse
    let step = try TrainingStep(graph, options)
    var gradient: [Float] = [], rounded: [Float] = []
    try step.addBackwardHook(on: "w") { gradient = $0.value.floats }
    try step.addForwardHook(on: "q") { rounded = $0.value.floats }
    let x: [Float] = [1, -2]
    _ = try step.run(
      Batch(
        inputs: ["x": AnyTensor(shape: [1, 2], x)],
        labels: AnyTensor(shape: [1, 3], [0, 0, 0] as [Float])), learningRate: 0)
    #expect(rounded == w.indices.map { grids[$0 % 3].value(w[$0]) })
    for index in w.indices {
      let channel = index % 3
      let y = x[0] * rounded[channel] + x[1] * rounded[3 + channel]
      // The loss is the mean of three squares.
      let expected = grids[channel].isInside(w[index]) ? x[index / 3] * 2 * y / 3 : 0
      #expect(abs(gradient[index] - expected) < 1e-6)
    }
    #expect(gradient[2] == 0 && gradient[5] != 0)
  }

  @Test("is the identity while it is bypassed") func bypass() throws {
    let float = hidden(Self.w1.map(Double.init))
    let found = try value("q", of: graph("grid = i4, bypass = 1"), batch.inputs).floats
    #expect(zip(found, float).allSatisfy { abs(Double($0) - $1) < 1e-6 })
  }

  @Test("is seen by hooks with what it read") func hooks() throws {
    let session = try Session(graph())
    var operands: [[Float]] = [], count = 0
    try session.addHook(on: "q") { event in
      operands.append(event.operand(0)?.floats ?? [])
      operands.append(event.operand(1)?.floats ?? [])
      count = event.operandCount
    }
    let y = try session.run(batch.inputs)
    #expect(count == 3 && operands[1] == [Self.grid.scale] && operands[0].count == 15)
    // Looking changes nothing.
    #expect(try y == Session(graph()).run(batch.inputs))
  }

  @Test("comes through text and through an ONNX file") func files() throws {
    let graph = try graph("grid = i4, straight_through = \"plain\"")
    #expect(try Graph(text: graph.text()) == graph)
    let path = temporaryPath("node.onnx")
    try GraphFiles.write(graph, to: path)
    let read = try GraphFiles.read(path)
    let op = try #require(read[read.node("q")].op as? FakeQuantize)
    #expect(op.grid.description == "i4" && op.straightThrough == "plain")
    #expect(try run(read, batch.inputs) == run(graph, batch.inputs))
  }

  @Test("says what is wrong with its operands") func mistakes() {
    let scale = #expect(throws: Diagnostic.self) {
      try Graph(
        text: """
          graph @bad(%x: f32[N,4]) -> (%q: f32[N,4]) {
            constant %s: f32[3] = [0.1, 0.1, 0.1]
            constant %z: i32[3] = [0, 0, 0]
            %q = qat.FakeQuantize(%x, %s, %z) {axis = 1}
          }
          """)
    }
    #expect(scale?.code == .shapeMismatch && scale?.message.contains("scale") == true)
    let estimator = #expect(throws: Diagnostic.self) { try graph("straight_through = \"none\"") }
    #expect(estimator?.code == .invalidAttribute)
  }
}
