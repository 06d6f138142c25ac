import QATCore
import QATIR
import QATPasses
import QATRewrite

/// Numbers in a fixed order (SplitMix64).
struct SeededNumbers {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  /// From -2 up to 2, in steps of 1/64: many ties on grids whose scale is a power of two.
  mutating func float() -> Float { Float(Int(next() % 257) - 128) / 64 }
}

/// Batches for the inputs of a graph: floats in -2…2, integers 0 or 1; a symbol stands for 3.
func sampleInputs(for graph: Graph, count: Int = 2, seed: UInt64 = 7) -> [[String: AnyTensor]] {
  var numbers = SeededNumbers(seed: seed)
  return (0..<count).map { _ in
    var batch: [String: AnyTensor] = [:]
    for id in graph.inputs {
      let type = graph[id].type
      let sizes = type.shape?.dimensions.map { $0.size ?? 3 } ?? []
      let elements = (0..<sizes.reduce(1, *)).map { _ in numbers.float() }
      switch type.element {
      case .f32: batch[graph[id].name] = AnyTensor(shape: sizes, elements)
      case .i64:
        batch[graph[id].name] = AnyTensor(shape: sizes, elements.map { Int64($0 > 0 ? 1 : 0) })
      case .u8:
        batch[graph[id].name] = AnyTensor(shape: sizes, elements.map { UInt8(($0 + 2) * 50) })
      case .i8: batch[graph[id].name] = AnyTensor(shape: sizes, elements.map { Int8($0 * 50) })
      case .bool: batch[graph[id].name] = AnyTensor(shape: sizes, elements.map { $0 > 0 })
      default: break
      }
    }
    return batch
  }
}

extension PassContext {
  /// A context in which every pass can run on a graph: seeded calibration data.
  static func forTests(_ graph: Graph) -> PassContext {
    var context = PassContext()
    context[CalibrationData.self] = CalibrationData(sampleInputs(for: graph, count: 4, seed: 11))
    return context
  }
}
