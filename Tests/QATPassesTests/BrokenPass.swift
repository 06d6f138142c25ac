import QATCore
import QATIR
import QATPasses
import QATRewrite

/// What is wrong with a pass: the graph it is given, or the one it gives, is tampered with.
protocol Fault: Sendable {
  init()
  /// Before the pass.
  func prepare(_ graph: inout Graph) throws(Diagnostic)
  /// After it.
  func spoil(_ graph: inout Graph) throws(Diagnostic)
}

extension Fault {
  func prepare(_ graph: inout Graph) throws(Diagnostic) {}
  func spoil(_ graph: inout Graph) throws(Diagnostic) {}
}

/// A built-in pass with a fault: same name, same promise.
struct Broken<Base: Pass, F: Fault>: Pass {
  static var name: PassName { Base.name }
  static var summary: String { Base.summary }
  static var effect: Effect { Base.effect }
  init() {}

  func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
    try F().prepare(&graph)
    try Base().run(on: &graph, &context)
    try F().spoil(&graph)
  }
}

extension Graph {
  /// Lets two operands of every node of a type change places.
  mutating func swapOperands<Op: Operation>(of: Op.Type, _ i: Int, _ j: Int) {
    for id in nodes where self[id].op is Op {
      var operands = self[id].operands
      operands.swapAt(i, j)
      setOperands(of: id, to: operands)
    }
  }

  /// Puts another constant in place of an operand of every node of a type.
  mutating func replaceOperand<Op: Operation>(
    _ index: Int, of: Op.Type, _ change: (AnyTensor) -> AnyTensor?
  ) {
    for id in nodes where self[id].op is Op {
      guard let operand = self[id].operands[index], let tensor = self[operand].constant,
        let other = change(tensor)
      else { continue }
      let constant = addConstant(freeValueName("spoiled"), other)
      setOperand(index, of: id, to: constant)
    }
  }
}

// MARK: - fold-batchnorm

/// Scales along the input channels of the weight.
struct WrongAxis: Fault {
  func spoil(_ graph: inout Graph) throws(Diagnostic) {
    graph.replaceOperand(1, of: Reshape.self) {
      $0.elementCount == 4 ? AnyTensor(shape: [4], [Int64(1), -1, 1, 1]) : nil
    }
  }
}

struct DroppedEpsilon: Fault {
  func prepare(_ graph: inout Graph) throws(Diagnostic) {
    for id in graph.nodes {
      guard var norm = graph[id].op as? BatchNormalization else { continue }
      norm.epsilon = 0
      graph.setOperation(of: id, to: norm)
    }
  }
}

struct SwappedMeanAndBias: Fault {
  func prepare(_ graph: inout Graph) throws(Diagnostic) {
    graph.swapOperands(of: BatchNormalization.self, 2, 3)
  }
}

/// Statistics as they were before training.
struct StaleStatistics: Fault {
  func prepare(_ graph: inout Graph) throws(Diagnostic) {
    graph.replaceOperand(3, of: BatchNormalization.self) {
      AnyTensor(shape: $0.shape, $0.elements(as: Float.self)!.map { _ in Float(0) })
    }
    graph.replaceOperand(4, of: BatchNormalization.self) {
      AnyTensor(shape: $0.shape, $0.elements(as: Float.self)!.map { _ in Float(1) })
    }
  }
}

// MARK: - Clean-up and fusion

/// Removes a Relu in front of any quantizer: values are clamped at 0 no longer, but at the zero point.
struct RemovesEveryRelu: Fault {
  func prepare(_ graph: inout Graph) throws(Diagnostic) {
    for id in graph.nodes where graph[id].op is FakeQuantize {
      guard let input = graph[id].operands[0], let (relu, _) = graph.operation(Relu.self, of: input)
      else { continue }
      graph.setOperand(0, of: id, to: graph[relu].operands[0])
      graph.remove(relu)
    }
  }
}

struct IgnoresAttributes: Fault {
  func prepare(_ graph: inout Graph) throws(Diagnostic) {
    for id in graph.nodes where graph[id].op is LeakyRelu {
      graph.setOperation(of: id, to: LeakyRelu())
    }
  }
}

struct SwapsDifferences: Fault {
  func prepare(_ graph: inout Graph) throws(Diagnostic) { graph.swapOperands(of: Sub.self, 0, 1) }
}

// MARK: - Lowering

struct SwapsScalesOfSums: Fault {
  func spoil(_ graph: inout Graph) throws(Diagnostic) {
    graph.swapOperands(of: QLinearAdd.self, 1, 4)
  }
}

struct DropsZeroPoint: Fault {
  func spoil(_ graph: inout Graph) throws(Diagnostic) {
    graph.replaceOperand(2, of: QLinearConv.self) { _ in AnyTensor(UInt8(0)) }
  }
}

/// The scale of another channel for each weight.
struct WrongScaleAxis: Fault {
  func spoil(_ graph: inout Graph) throws(Diagnostic) {
    graph.replaceOperand(4, of: QLinearConv.self) { scales in
      AnyTensor(shape: scales.shape, scales.elements(as: Float.self)!.reversed())
    }
  }
}

/// Codes rounded down.
struct RoundsDown: Fault {
  func prepare(_ graph: inout Graph) throws(Diagnostic) {
    for id in graph.nodes {
      guard let quantizer = graph[id].op as? FakeQuantize, let axis = quantizer.axis,
        let w = graph[id].operands[0].flatMap({ graph[$0].constant }),
        let weights = w.elements(as: Float.self),
        let s = graph[id].operands[1].flatMap({ graph[$0].constant }),
        let scales = s.elements(as: Float.self)
      else { continue }
      let stride = w.shape.dropFirst(axis + 1).reduce(1, *)
      let floored = weights.enumerated().map { index, x -> Float in
        let scale = scales[index / stride % w.shape[axis]]
        return (x / scale).rounded(.down) * scale
      }
      let constant = graph.addConstant(
        graph.freeValueName("floored"), AnyTensor(shape: w.shape, floored))
      graph.setOperand(0, of: id, to: constant)
    }
  }
}
