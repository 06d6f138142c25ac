import QATCore
import QATIR
import Testing

/// One node: an operation, its operands, and which of them change from run to run.
struct KernelCase: Sendable, CustomTestStringConvertible {
  let op: any Operation
  let operands: [AnyTensor?]
  var inputs: Set<Int> = [0]
  var results = 1
  /// Relative to the largest value; 0 for codes and for what only moves.
  var tolerance = 0.0

  var testDescription: String {
    "\(op.name) of \(operands.map { $0.map { "\($0.type)" } ?? "-" })"
  }

  /// A graph of the node, called `node`, and what it is fed.
  func graph() throws -> (graph: Graph, feeds: [String: AnyTensor]) {
    var graph = Graph(name: "one")
    var feeds: [String: AnyTensor] = [:]
    let operands = operands.enumerated().map { index, tensor -> ValueID? in
      guard let tensor else { return nil }
      guard inputs.contains(index) else { return graph.addConstant("c\(index)", tensor) }
      feeds["x\(index)"] = tensor
      return graph.addInput("x\(index)", tensor.type)
    }
    let names = (0..<results).map { "y\($0)" }
    let node = try graph.addNode(op, operands, name: "node", results: names)
    graph.setOutputs(graph[node].results.compactMap { $0 })
    return (graph, feeds)
  }
}

extension KernelCase {
  /// Numbers without a pattern, the same in every run.
  static func numbers(_ count: Int, _ seed: UInt64 = 1) -> [Double] {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 33) / Double(1 << 31)
    }
  }

  static func floats(_ shape: [Int], _ low: Double = -2, _ high: Double = 2) -> AnyTensor {
    let values = numbers(shape.reduce(1, *), UInt64(shape.count))
    return AnyTensor(shape: shape, values.map { Float(low + $0 * (high - low)) })
  }

  static func codes(_ shape: [Int], _ element: ElementType, _ seed: UInt64 = 3) -> AnyTensor {
    let low = element == .i8 ? -128 : 0
    let values = numbers(shape.reduce(1, *), seed).map { low + Int($0 * 256) }
    return AnyTensor(element, shape: shape, integers: values)
  }

  static func zero(_ code: Int, _ element: ElementType) -> AnyTensor {
    AnyTensor(element, shape: [], integers: [code])
  }

  static func integers(_ values: [Int64]) -> AnyTensor { AnyTensor(shape: [values.count], values) }

  static func window(_ kernel: [Int], _ strides: [Int], _ pads: [Int]) -> WindowAttributes {
    var window = WindowAttributes()
    (window.kernelShape, window.strides, window.pads) = (kernel, strides, pads)
    return window
  }
}

extension AnyTensor {
  /// A copy of the bytes, to compare results bit for bit.
  var bytes: [UInt8] { unsafe storage.withBytes { bytes in unsafe Array(bytes) } }
}
