import QATCore
import QATIR

/// The weight of a product as constant codes behind a `DequantizeLinear`.
struct ConstantWeight: Sendable {
  /// The `DequantizeLinear`.
  let node: NodeID
  let op: DequantizeLinear
  let codes: AnyTensor
  let scales: [Float]
  let zeros: AnyTensor
  /// The parameter of each code.
  let granularity: Granularity
  /// Operands of the product.
  let input: ValueID
  let bias: ValueID?
  /// Whether the activations are codes too: then the product is one of integers.
  let isBetweenCodes: Bool

  /// The weight of a product; `nil` where it has none that is codes.
  init?(of product: NodeID, in graph: Graph) {
    guard case .weighted(let input, let weight, _, let bias) = graph.quantizationRole(of: product)
    else { return nil }
    self.init(of: product, input, weight, bias, in: graph)
  }

  /// The weights of a product, or of a recurrent layer, that are codes.
  static func all(of id: NodeID, in graph: Graph) -> [Self] {
    switch graph.quantizationRole(of: id) {
    case .weighted: Self(of: id, in: graph).map { [$0] } ?? []
    case .weightsOnly(let weights, _):
      weights.compactMap { Self(of: id, 0, $0, nil, in: graph) }
    default: []
    }
  }

  private init?(
    of product: NodeID, _ input: Int, _ weight: Int, _ bias: Int?, in graph: Graph
  ) {
    let operands = graph[product].operands
    guard let x = operands[input],
      let (node, op) = graph.operation(DequantizeLinear.self, of: operands[weight]),
      graph[node].operands.count == 3, let source = graph[node].operands[0],
      let codes = graph[source].constant, codes.integers != nil,
      let scale = graph[node].operands[1], let scales = graph[scale].constant,
      let numbers = scales.elements(as: Float.self),
      let zero = graph[node].operands[2], let zeros = graph[zero].constant,
      let granularity = try? Granularity(
        shape: codes.shape, parameterShape: scales.shape, axis: op.axis, blockSize: op.blockSize)
    else { return nil }
    (self.node, self.op, self.codes, self.scales, self.zeros) = (node, op, codes, numbers, zeros)
    self.granularity = granularity
    self.input = x
    self.bias = bias.flatMap { $0 < operands.count ? operands[$0] : nil }
    // A recurrent layer computes in float whatever it reads.
    isBetweenCodes = graph[product].op is any Recurrent ? false : graph.isOnGrid(x)
  }

  /// The axis of the scales, counted from the front; `nil` for one scale.
  var axis: Int? {
    if scales.count == 1 { return nil }
    return op.axis < 0 ? op.axis + codes.shape.count : op.axis
  }
}
