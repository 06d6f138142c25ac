import QATCore
import QATIR
import QATKernels
import QATRuntime
import Testing

@Suite("Packed weights")
struct PackedWeightsTests {
  private let image = KernelCase.floats([4, 3, 20, 17])
  private let weight = KernelCase.floats([8, 3, 3, 3])

  private func convolution(_ weight: AnyTensor) throws -> Graph {
    var graph = Graph(name: "one")
    let x = graph.addInput(
      "x", TensorType(.f32, Shape(["N", "H", "W"].map(Dimension.init(symbol:)) + [3])))
    let w = graph.addConstant("w", weight)
    let node = try graph.addNode(Nhwc(Conv()), [x, w], name: "conv")
    graph.setOutputs([graph[node].result])
    return graph
  }

  @Test("are the same for every size of images")
  func sizes() throws {
    let shared = try Session(convolution(weight))
    for (count, height, width) in [(1, 5, 5), (4, 20, 17), (2, 3, 40), (1, 3, 3)] {
      let x = ["x": KernelCase.floats([count, height, width, 3])]
      let copy = AnyTensor(shape: weight.shape, weight.elements(as: Float.self) ?? [])
      #expect(
        try shared.run(x)[0].bytes == Session(convolution(copy)).run(x)[0].bytes)
    }
  }

  @Test("of codes are the same for every size of images", arguments: [1, 6])
  func codes(groups: Int) throws {
    func graph(_ w: AnyTensor) throws -> Graph {
      var graph = Graph(name: "codes")
      let x = graph.addInput(
        "x", TensorType(.u8, Shape(["N", "H", "W"].map(Dimension.init(symbol:)) + [6])))
      let scale = graph.addConstant("s", AnyTensor(Float(0.02)))
      let zero = graph.addConstant("z", AnyTensor(UInt8(7)))
      let weights = graph.addConstant("w", w), none = graph.addConstant("n", AnyTensor(Int8(0)))
      var conv = QLinearConv()
      conv.group = groups
      let node = try graph.addNode(
        Nhwc(conv), [x, scale, zero, weights, scale, none, scale, zero], name: "conv")
      graph.setOutputs([graph[node].result])
      return graph
    }
    let w = KernelCase.codes([6, 6 / groups, 3, 3], .i8)
    let shared = try Session(graph(w))
    for (count, height, width) in [(2, 9, 8), (1, 3, 3), (5, 4, 40), (1, 30, 3)] {
      let x = ["x": KernelCase.codes([count, height, width, 6], .u8)]
      let copy = AnyTensor(.i8, shape: w.shape, integers: w.integers ?? [])
      #expect(try shared.run(x)[0].bytes == Session(graph(copy)).run(x)[0].bytes)
    }
  }

  @Test("are there once for all plans and sessions, and go with the last")
  func once() throws {
    func run(_ session: Session, _ count: Int) throws {
      _ = try session.run(["x": KernelCase.floats([count, 9, 9, 3])])
    }
    var sessions = try (0..<2).map { _ in try Session(convolution(weight)) }
    try run(sessions[0], 1)
    let one = PackedWeights.byteCount(of: weight)
    #expect(one > 0)
    for count in 2..<6 { for session in sessions { try run(session, count) } }
    #expect(PackedWeights.byteCount(of: weight) == one)
    sessions = []
    #expect(PackedWeights.byteCount(of: weight) == 0)
  }
}
