import Foundation
import QAT
import Testing

@Suite("A session's mode")
struct SessionModeTests {
  private let text = """
    graph @net(%x: f32[N,1,6,6]) -> (%y: f32[N,3]) {
      constant %k: f32[2,1,3,3] = [0.5, -0.25, 1.0, 0.75, -0.5, 0.125, 0.25, 0.5, -1.0, 0.1, 0.2, -0.3, 0.4, -0.5, 0.6, -0.7, 0.8, -0.9]
      constant %w: f32[3,32] = [\((0..<96).map { "\(Float($0 * 37 % 64) / 64 - 0.5)" }.joined(separator: ", "))]
      constant %b: f32[3] = [0.1, -0.2, 0.3]
      %c = Conv(%x, %k) {}
      %r = Relu(%c)
      %f = Flatten(%r)
      %y = Gemm(%f, %w, %b) {transB = 1}
    }
    """

  private func model(_ pipeline: String) throws -> Graph {
    var graph = try Graph(text: text)
    var context = PassContext()
    context[CalibrationData.self] = CalibrationData([["x": image(8)]])
    try Pipeline(pipeline, registry: .withPipelines).run(on: &graph, &context)
    return graph
  }

  private func image(_ count: Int) -> AnyTensor {
    AnyTensor(
      shape: [count, 1, 6, 6], (0..<36 * count).map { Float($0 * 29 % 101) / 50 - 1 })
  }

  @Test(
    "picks integers for what is quantized, in every form, and gives the same outputs",
    arguments: ["ptq", "ptq-qdq", "ptq-qoperator", "qat-prepare"])
  func quantized(_ pipeline: String) throws {
    let graph = try model(pipeline), image = image(5)
    let auto = try Session(graph, mode: .auto), integer = try Session(graph, mode: .integer)
    #expect(auto.mode == .integer && integer.mode == .integer)
    // The same graph makes the same plan: nothing is left to be slower.
    #expect(auto.graph == integer.graph)
    let outputs = try integer.run(["x": image])
    #expect(try auto.run(["x": image]) == outputs)
    #expect(integer.graph.nodes.contains { integer.graph[$0].op is any IntegerProductOperation })
    if pipeline == "ptq-qoperator" {
      let error = #expect(throws: Diagnostic.self) { try Session(graph, mode: .float) }
      #expect(error?.message.contains("has no float form") == true)
      return
    }
    let float = try Session(graph, mode: .float)
    #expect(
      float.mode == .float
        && float.graph.nodes.contains {
          float.graph[$0].op is FakeQuantize
            || float.graph[$0].op is DequantizeLinear
        })
    let simulated = try #require(float.run(["x": image])[0].doubles)
    let codes = try #require(outputs[0].doubles)
    // A tie that float sums round the other way is one step of the output's scale, about 0.03.
    #expect(zip(simulated, codes).allSatisfy { abs($0 - $1) < 0.05 })
  }

  @Test("is float for what is not quantized") func float() throws {
    let graph = try Graph(text: text)
    #expect(try Session(graph, mode: .auto).mode == .float)
    #expect(try Session(graph, mode: .auto).graph == Session(graph, mode: .float).graph)
    let error = #expect(throws: Diagnostic.self) { try Session(graph, mode: .integer) }
    #expect(error?.code == .unsupported && error?.hint?.contains("quantize it first") == true)
    #expect(try Session(graph).mode == nil)
  }

  @Test("is integer for convolutions with activations in front of their quantizers")
  func activations() throws {
    let graph = try Graph(
      text: """
        graph @net(%x: f32[1,2,4,4]) -> (%y: f32[1,2,4,4]) {
          constant %s: f32[] = [0.02]
          constant %t: f32[] = [0.0234375]
          constant %z: u8[] = [0]
          constant %w: i8[2,2,1,1] = [13, -90, 127, 55]
          constant %ws: f32[] = [0.0078125]
          constant %wz: i8[] = [0]
          constant %low: f32[] = [0]
          constant %high: f32[] = [6]
          %q0 = QuantizeLinear(%x, %s, %z)
          %d0 = DequantizeLinear(%q0, %s, %z)
          %k = DequantizeLinear(%w, %ws, %wz)
          %c0 = Conv(%d0, %k) {}
          %r = Relu(%c0)
          %q1 = QuantizeLinear(%r, %s, %z)
          %d1 = DequantizeLinear(%q1, %s, %z)
          %c1 = Conv(%d1, %k) {}
          %l = Clip(%c1, %low, %high)
          %q2 = QuantizeLinear(%l, %t, %z)
          %d2 = DequantizeLinear(%q2, %t, %z)
          %a = Add(%d0, %d2)
          %b = Relu(%a)
          %q3 = QuantizeLinear(%b, %s, %z)
          %y = DequantizeLinear(%q3, %s, %z)
        }
        """)
    let session = try Session(graph, mode: .auto)
    #expect(session.mode == .integer)
    let names = session.graph.nodes.map { session.graph[$0].op.name }
    #expect(Set(names.map { "\($0)" }).isDisjoint(with: ["Relu", "Clip", "Add", "Conv"]))
    let values: [Float] = (0..<32).map { Float($0 * 29 % 101) / 25 - 1 }
    let x = AnyTensor(shape: [1, 2, 4, 4], values)
    #expect(try session.run(["x": x]) == Session(graph, mode: .float).run(["x": x]))
  }

  /// Milliseconds a run in each mode, interleaved: `QAT_BENCHMARK=MODEL.onnx swift test --filter
  /// SessionModeTests`, with the model's input in f32.
  @Test(
    "costs what the picked mode costs",
    .enabled(if: ProcessInfo.processInfo.environment["QAT_BENCHMARK"] != nil))
  func benchmark() throws {
    let graph = try GraphFiles.read(
      ProcessInfo.processInfo.environment["QAT_BENCHMARK"] ?? "")
    let data = try DataSource("random:64").load(.init(inputs: graph.modelFields))
    let inputs = try data.bound(to: graph.modelFields).batch(Array(0..<64)).inputs
    let modes = Session.Mode.allCases
    let sessions = try modes.map { try Session(graph, mode: $0) }
    var times = modes.map { _ in [Double]() }
    let clock = ContinuousClock()
    for round in 0..<60 {
      for index in modes.indices {
        let start = clock.now
        _ = try sessions[index].run(inputs)
        if round >= 10 { times[index].append((clock.now - start) / .milliseconds(1)) }
      }
    }
    for index in modes.indices {
      let sorted = times[index].sorted()
      print(
        "\(modes[index]) (\(sessions[index].mode.map { "\($0)" } ?? "")): "
          + "median \(sorted[sorted.count / 2]) ms, best \(sorted[0]) ms")
    }
  }
}
