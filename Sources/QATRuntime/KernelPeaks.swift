public import QATCore
import QATIR
import QATKernels

/// What the kernels of matrix products reach on operands that stay in the caches: what a layer's speed
/// is held against.
public struct KernelPeaks: Sendable {
  /// 10⁹ operations a second of 8-bit products.
  public let integer: Double
  /// 10⁹ operations a second of float32 products.
  public let float: Double
  /// The variants of these kernels, as `QAT_CPU` names them.
  public let integerKernel = KernelNames.integerProducts, floatKernel = KernelNames.floatProducts

  /// Measures both, in some 50 ms.
  public init(threads: Int) throws(Diagnostic) {
    let x = TensorType(.f32, Shape([Self.rows, Self.size]))
    var graph = Graph(name: "float")
    let weight = graph.addConstant(
      "w", AnyTensor(shape: [Self.size, Self.size], Self.pattern.map { Float($0) }))
    let input = graph.addInput("x", x)
    var product = try graph.addNode(MatMul(), [input, weight], name: "product")
    graph.setOutputs([graph[product].result])
    float = try Self.speed(of: graph, threads)

    graph = Graph(name: "integer")
    let codes = graph.addInput("x", TensorType(.u8, x.shape))
    let scale = graph.addConstant("scale", AnyTensor(Float(1) / 64))
    let zero = graph.addConstant("zero", AnyTensor(UInt8(128)))
    let b = graph.addConstant("w", AnyTensor(shape: [Self.size, Self.size], Self.pattern))
    let zeroOfB = graph.addConstant("zero_of_w", AnyTensor(Int8(0)))
    product = try graph.addNode(
      QLinearMatMul(), [codes, scale, zero, b, scale, zeroOfB, scale, zero],
      name: "product")
    graph.setOutputs([graph[product].result])
    integer = try Self.speed(of: graph, threads)
  }

  private static let rows = 448, size = 512
  private static var pattern: [Int8] { (0..<size * size).map { Int8(truncatingIfNeeded: $0 * 7) } }

  /// The best of some runs.
  private static func speed(of graph: Graph, _ threads: Int) throws(Diagnostic) -> Double {
    let session = try Session(graph, threads: threads)
    let element = graph[graph.inputs[0]].type.element
    let bytes = Array(repeating: UInt8(0), count: element.byteCount(rows * size))
    let x = AnyTensor(element, shape: [rows, size], storage: TensorStorage(bytes: bytes))
    var best = 0.0
    for _ in 0..<15 {
      for node in try session.profile(["x": x], runs: 1) { best = max(best, node.gigaOps) }
    }
    return best
  }
}
