import QATCore
import QATIR
import QATRuntime

/// The scales of a product whose operands are both on grids, and its weight as codes.
struct ProductScales: Sendable {
  let input: Float
  /// One a channel, or one.
  let weight: [Float]
  /// The quantizer or dequantizer of the weight.
  let weightNode: NodeID
  /// What that node reads: real numbers or codes.
  let source: AnyTensor
  let grid: IntegerGrid
  private let zeros: [Int]
  /// The axis of the scales, counted from the front; `nil` for one scale.
  let axis: Int?

  init?(of id: NodeID, _ input: Int, _ weight: Int, in graph: Graph) {
    let operands = graph[id].operands
    guard let x = operands[input], let w = operands[weight],
      let producer = graph.producer(of: x), graph[producer].op is any MarksGrid,
      let weightNode = graph.producer(of: w),
      let inputScale = graph.scales(of: producer), inputScale.count == 1,
      let weightScales = graph.scales(of: weightNode),
      // A weight that is itself an activation has no bias on its scale.
      let operand = graph[weightNode].operands[0], let source = graph[operand].constant,
      graph[weightNode].operands.count == 3,
      let zeros = graph[weightNode].operands[2].flatMap({ graph[$0].constant?.integers })
    else { return nil }
    let axis: Int?
    switch graph[weightNode].op {
    case let op as FakeQuantize where op.blockSize == 0 && source.element == .f32:
      (grid, axis) = (op.grid, op.axis)
    case let op as DequantizeLinear where op.blockSize == 0:
      guard let all = IntegerGrid(codesOf: source.element) else { return nil }
      (grid, axis) = (all, weightScales.count == 1 ? nil : op.axis)
    default: return nil
    }
    (self.input, self.weight) = (inputScale[0], weightScales)
    (self.weightNode, self.source, self.zeros) = (weightNode, source, zeros)
    self.axis = axis.map { $0 < 0 ? $0 + source.shape.count : $0 }
  }

  /// Where the weight's codes minus their zero points lie, whatever they are.
  var centredRange: ClosedRange<Int> {
    grid.min - (zeros.max() ?? 0)...grid.max - (zeros.min() ?? 0)
  }

  /// The weight's codes minus their zero points, on other scales than its own: real numbers are rounded
  /// to them, codes are rounded once more.
  func centredCodes(_ scales: [Float]) -> [Int32] {
    let zeros = weight.indices.map { Int32(self.zeros[self.zeros.count == 1 ? 0 : $0]) }
    if let codes = source.smallIntegers {
      return byChannel(codes) { q, c in
        let steps = q - zeros[c]
        if scales[c] == weight[c] { return steps }
        return Int32((Float(steps) * weight[c] / scales[c]).rounded(.toNearestOrEven))
      }
    }
    let codes = QuantizedTensor.codes(
      of: source, scales: scales, zeroPoints: zeros, grid: grid,
      axis: weight.count > 1 ? axis : nil)
    let steps = codes.smallIntegers ?? []
    return zeros.allSatisfy { $0 == 0 } ? steps : byChannel(steps) { q, c in q - zeros[c] }
  }

  /// A function of each element and the index of its scale.
  @inline(__always)
  private func byChannel<T, U>(_ elements: [T], _ function: (T, Int) -> U) -> [U] {
    guard let axis, weight.count > 1 else { return elements.map { function($0, 0) } }
    let stride = source.shape[(axis + 1)...].reduce(1, *), count = source.shape[axis]
    var result: [U] = []
    result.reserveCapacity(elements.count)
    for start in Swift.stride(from: 0, to: elements.count, by: max(stride, 1)) {
      let channel = start / stride % count
      for index in start..<start + stride { result.append(function(elements[index], channel)) }
    }
    return result
  }

  /// Puts other scales under the weight; codes that are there already are rounded to them, and biases
  /// that follow its scales follow.
  func replaceWeightScales(_ scales: [Float], in graph: inout Graph) throws(Diagnostic) {
    guard let old = graph[weightNode].operands[1], let operand = graph[weightNode].operands[0]
    else { return }
    let shape = graph[old].type.shape?.sizes ?? []
    if source.integers != nil {
      let codes = byChannel(centredCodes(scales)) { steps, channel in
        let zero = zeros[zeros.count == 1 ? 0 : channel]
        return min(max(Int(steps) + zero, grid.min), grid.max)
      }
      let raised = graph.addConstant(
        graph.freeValueName(graph[operand].name + ".raised"),
        AnyTensor(source.element, shape: source.shape, integers: codes))
      graph.setOperand(0, of: weightNode, to: raised)
    }
    let new = graph.addConstant(
      graph.freeValueName(graph[old].name + ".raised"), AnyTensor(shape: shape, scales))
    graph.setOperand(1, of: weightNode, to: new)
    for bias in Set(graph.users(of: old)) where graph.followsScale(bias, of: weightNode) {
      for (index, operand) in graph[bias].operands.enumerated() where operand == old {
        graph.setOperand(index, of: bias, to: new)
      }
    }
    // Another value has another name.
    let result = graph[weightNode].result
    graph.rename(result, to: graph.freeValueName(graph[result].name + ".raised"))
  }
}

extension Graph {
  /// The constant scales of a quantizer or dequantizer.
  func scales(of node: NodeID) -> [Float]? {
    guard self[node].operands.count > 1, let scale = self[node].operands[1] else { return nil }
    return self[scale].constant?.elements(as: Float.self)
  }

  /// Whether a node rounds a bias that is added to products with this weight, directly or through the
  /// batch-norm behind them.
  fileprivate func followsScale(_ bias: NodeID, of weight: NodeID) -> Bool {
    var readers: [NodeID] = []
    switch self[bias].op {
    case is FakeQuantizeBias: readers = users(of: self[bias].result)
    case is FoldedBiasRounding:
      let norms = users(of: self[bias].result).flatMap { users(of: self[$0].result) }
      readers = norms.compactMap { self[$0].operands[0].flatMap { producer(of: $0) } }
    default: return false
    }
    return readers.contains { reader in
      self[reader].operands.contains { $0 == self[weight].result }
    }
  }
}
