import QATCore
import QATIR
import QATRewrite

/// A frozen batch-norm as its product with constants: channels of a convolution or Gemm scaled and
/// shifted by constants, as TensorFlow and Caffe's converters write it.
///
///     Conv(x, w, b) · k   ->  Conv(x, w · k, b · k)
///     Conv(x, w, b) + c   ->  Conv(x, w, b + c)
///
/// with k and c of one number a channel. No `BatchNormalization` comes of it, though `fold-batchnorm`
/// would fold that: there are no statistics that training could move.
func channelScaleForm(_ node: Node, _: Mul, _ graph: Graph) -> Replacement? {
  graph.scaledProduct(node) { product, factors, graph in
    guard let op = product.op as? any ScalesByChannel, let w = product.operands[1],
      let weight = graph[w].constant
    else { return nil }
    let scaled = op.scaled(Term(w), of: Shape(weight.shape), by: factors)
    var operands = [product.operands[0].map { Term($0) }, scaled.named(graph[w].name + ".folded")]
    if let b = product.bias {
      operands.append((Term(b) * factors).named(graph[b].name + ".folded"))
    }
    return operands
  }
}

func channelScaleForm(_ node: Node, _: Add, _ graph: Graph) -> Replacement? {
  graph.scaledProduct(node) { product, terms, graph in
    if let gemm = product.op as? Gemm, gemm.beta != 1 { return nil }
    let operands = product.operands.prefix(2).map { $0.map { Term($0) } }
    guard let b = product.bias else { return operands + [terms] }
    return operands + [(Term(b) + terms).named(graph[b].name + ".folded")]
  }
}

extension Node {
  fileprivate var bias: ValueID? { operands.count > 2 ? operands[2] : nil }
}

extension Graph {
  /// A convolution or Gemm of constant weights with other operands, in place of a sum or product of its
  /// result with a constant for each channel, which comes as a vector.
  fileprivate func scaledProduct(
    _ node: Node, _ operands: (Node, Term, Graph) -> [Term?]?
  ) -> Replacement? {
    for (index, other) in [(0, 1), (1, 0)] {
      guard let result = node.operands[index], let constant = node.operands[other],
        let product = producer(of: result), self[product].op is any ScalesByChannel,
        let w = self[product].operands[1], self[w].constant != nil,
        self[product].bias.map({ self[$0].constant?.shape.count == 1 }) ?? true,
        let vector = channelVector(constant, of: result),
        let operands = operands(self[product], vector, self)
      else { continue }
      let ends = self[product].operands.compactMap { $0 } + [constant]
      guard hasSameType(result, node.result), isSelfContained(node.result, from: ends) else {
        continue
      }
      return .term(.op(self[product].op, operands))
    }
    return nil
  }

  /// A constant of one number for each channel (axis 1) of a value, as a vector.
  private func channelVector(_ value: ValueID, of result: ValueID) -> Term? {
    guard let constant = self[value].constant, let shape = self[result].type.shape, shape.rank > 1,
      let channels = shape[1].size, constant.elementCount == channels,
      constant.shape.count <= shape.rank
    else { return nil }
    let sizes = Array(repeating: 1, count: shape.rank - constant.shape.count) + constant.shape
    guard sizes[1] == channels else { return nil }
    if constant.shape.count == 1 { return Term(value) }
    return .op(
      Reshape(), [Term(value), .constant(AnyTensor(shape: [1], [Int64(-1)]), name: "shape")])
  }
}
