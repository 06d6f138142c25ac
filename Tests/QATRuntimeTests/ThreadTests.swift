import QATCore
import QATIR
import QATRuntime
import Testing

/// Operations on tensors so large that threads share the work.
@Suite("Threads")
struct ThreadTests {
  private static func floats(_ shape: [Int], _ seed: UInt64 = 1) -> AnyTensor {
    let values = KernelCase.numbers(shape.reduce(1, *), seed)
    return AnyTensor(shape: shape, values.map { Float($0 * 4 - 2) })
  }

  private static let large: [KernelCase] = {
    let x = floats([6, 30, 401]), y = floats([6, 30, 401], 2), row = floats([401], 3)
    let image = KernelCase.codes([5, 7, 80, 81], .u8),
      other = KernelCase.codes([5, 7, 80, 81], .u8, 9)
    let grid: [AnyTensor?] = [AnyTensor(Float(0.02)), KernelCase.zero(120, .u8)]
    let scales = AnyTensor(shape: [401], (0..<401).map { 0.01 + Float($0) / 10_000 })
    let zeros = AnyTensor(.i32, shape: [401], integers: Array(repeating: 0, count: 401))
    let elementwise: [KernelCase] = [
      KernelCase(op: Gelu(), operands: [x]), KernelCase(op: Relu(), operands: [x]),
      KernelCase(op: Add(), operands: [x, y], inputs: [0, 1]),
      KernelCase(op: Mul(), operands: [x, row], inputs: [0, 1]),
      KernelCase(op: Mean(), operands: [x, y, x], inputs: [0, 1, 2]),
      KernelCase(op: ReluGradient(), operands: [x, y], inputs: [0, 1]),
      KernelCase(op: FakeQuantize(grid: .int8, axis: 2), operands: [x, scales, zeros]),
      KernelCase(
        op: FakeQuantize(), operands: [x, AnyTensor(Float(0.02)), AnyTensor(Int32(0))]),
      KernelCase(
        op: QuantizeWithMask(grid: .int8),
        operands: [x, AnyTensor(Float(0.01)), AnyTensor(Int32(3))], results: 2),
      KernelCase(
        op: QLinearAdd(), operands: [image] + grid + [other] + grid + grid, inputs: [0, 3]),
      KernelCase(op: QLinearSigmoid(), operands: [image] + grid + grid),
      KernelCase(op: QLinearGlobalAveragePool(), operands: [image] + grid + grid),
      KernelCase(op: MinMax(), operands: [x], results: 2),
      KernelCase(op: MinMax(axis: 2), operands: [x], results: 2),
    ]
    let axes: [[Int64]] = [[0], [1], [2], [0, 2], [0, 1, 2]]
    let sums = axes.flatMap { axes -> [KernelCase] in
      let ops: [any Operation] = [ReduceSum(), ReduceMean(), ReduceMax(), ReduceL2()]
      return ops.map { KernelCase(op: $0, operands: [x, KernelCase.integers(axes)]) }
    }
    let rows: [KernelCase] = [
      KernelCase(op: Softmax(), operands: [x]),
      KernelCase(op: SoftmaxGradient(), operands: [x, y], inputs: [0, 1]),
      KernelCase(op: LogSoftmaxGradient(), operands: [x, y], inputs: [0, 1]),
      KernelCase(op: LayerNormalization(), operands: [x, row, row]),
      KernelCase(
        op: LayerNormalizationGradient(), operands: [x, y, row], inputs: [0, 1], results: 2),
      KernelCase(op: ChannelSum(axis: 1), operands: [x]),
      KernelCase(op: Transpose(perm: [0, 2, 3, 1]), operands: [image]),
    ]
    return elementwise + sums + rows
  }()

  @Test("do not change a bit of a result", arguments: large)
  func agree(_ test: KernelCase) throws {
    let (graph, feeds) = try test.graph()
    let bytes = try [1, 2, 3].map { threads in
      try Session(graph, threads: threads).run(feeds).map(\.bytes)
    }
    #expect(bytes[0] == bytes[1] && bytes[0] == bytes[2])
    #expect(try Session(graph).profile(feeds, runs: 1).map(\.isKernel) == [true])
  }

  @Test("of two sessions at once leave each other's results alone")
  func sessions() async throws {
    let (graph, feeds) = try KernelCase(
      op: MatMul(), operands: [Self.floats([64, 300]), Self.floats([300, 200], 5)]
    ).graph()
    let expected = try Session(graph, threads: 1).run(feeds)[0].bytes
    let results = try await withThrowingTaskGroup(of: Bool.self) { group in
      for _ in 0..<4 {
        group.addTask {
          let session = try Session(graph, threads: 2)
          return try (0..<20).allSatisfy { _ in try session.run(feeds)[0].bytes == expected }
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(results == [true, true, true, true])
  }
}
