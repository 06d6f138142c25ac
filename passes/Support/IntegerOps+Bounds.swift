import QATCore
import QATIR

/// An integer operation with int32 sums.
protocol HasAccumulators: Operation {
  /// What bounds its sums; `nil` where too little is known.
  func accumulators(of node: NodeID, in graph: Graph) -> AccumulatorBounds?
  /// The operand of int32 that is added to the sums.
  var summand: Int? { get }
}

extension HasAccumulators {
  var summand: Int? { nil }

  fileprivate func bounds(
    _ graph: Graph, x: (ValueID?, ValueID?), w: (ValueID?, ValueID?), padded: Bool, count: Int?,
    axis: Int, _ sums: ([Int32], [Int]) -> AccumulatorBounds.Weights
  ) -> AccumulatorBounds? {
    guard let inputs = graph.centredRanges(codes: x.0, zeroPoint: x.1, padded: padded) else {
      return nil
    }
    if let shape = w.0.flatMap({ graph[$0].constant?.shape }),
      let weights = graph.centredConstant(codes: w.0, zeroPoint: w.1, axis: axis)
    {
      return AccumulatorBounds(inputs: inputs, weights: sums(weights, shape))
    }
    guard let count, let ranges = graph.centredRanges(codes: w.0, zeroPoint: w.1),
      let low = ranges.map(\.lowerBound).min(), let high = ranges.map(\.upperBound).max()
    else { return nil }
    return AccumulatorBounds(inputs: inputs, weights: .any(low...high, count: count))
  }

  fileprivate func convolution(
    _ graph: Graph, _ window: WindowAttributes, x: (ValueID?, ValueID?), w: (ValueID?, ValueID?)
  ) -> AccumulatorBounds? {
    let filter = w.0.flatMap { graph[$0].type.shape?.sizes?.dropFirst().reduce(1, *) }
    return bounds(graph, x: x, w: w, padded: window.mayPad, count: filter, axis: 0) {
      .filters($0, count: $1[0])
    }
  }

  fileprivate func matrixProduct(
    _ graph: Graph, x: (ValueID?, ValueID?), w: (ValueID?, ValueID?), transposed: Bool = false
  ) -> AccumulatorBounds? {
    guard let shape = w.0.flatMap({ graph[$0].type.shape }) else { return nil }
    let inner = shape.rank < 2 ? 0 : transposed ? shape.rank - 1 : shape.rank - 2
    return bounds(
      graph, x: x, w: w, padded: false, count: shape[inner].size,
      axis: transposed ? 0 : max(0, shape.rank - 1)
    ) { .matrices($0, shape: $1, over: inner) }
  }
}

extension QLinearConv: HasAccumulators {
  var summand: Int? { 8 }
  func accumulators(of node: NodeID, in graph: Graph) -> AccumulatorBounds? {
    let o = graph[node].operands
    return convolution(graph, window, x: (o[0], o[2]), w: (o[3], o[5]))
  }
}

extension QLinearMatMul: HasAccumulators {
  func accumulators(of node: NodeID, in graph: Graph) -> AccumulatorBounds? {
    let o = graph[node].operands
    return matrixProduct(graph, x: (o[0], o[2]), w: (o[3], o[5]))
  }
}

extension QGemm: HasAccumulators {
  var summand: Int? { 6 }
  func accumulators(of node: NodeID, in graph: Graph) -> AccumulatorBounds? {
    let o = graph[node].operands
    return matrixProduct(graph, x: (o[0], o[2]), w: (o[3], o[5]), transposed: transB)
  }
}

extension ConvInteger: HasAccumulators {
  func accumulators(of node: NodeID, in graph: Graph) -> AccumulatorBounds? {
    let o = graph[node].operands + [nil, nil]
    return convolution(graph, window, x: (o[0], o[2]), w: (o[1], o[3]))
  }
}

extension MatMulInteger: HasAccumulators {
  func accumulators(of node: NodeID, in graph: Graph) -> AccumulatorBounds? {
    let o = graph[node].operands + [nil, nil]
    return matrixProduct(graph, x: (o[0], o[2]), w: (o[1], o[3]))
  }
}

extension QLinearGlobalAveragePool: HasAccumulators {
  func accumulators(of node: NodeID, in graph: Graph) -> AccumulatorBounds? {
    let o = graph[node].operands
    guard let inputs = graph.centredRanges(codes: o[0], zeroPoint: o[2]),
      let shape = o[0].flatMap({ graph[$0].type.shape }), shape.rank > 2
    else { return nil }
    let spatial = channelsLast ? shape.dimensions[1..<shape.rank - 1] : shape.dimensions[2...]
    guard let count = Shape(Array(spatial)).elementCount.size else { return nil }
    return AccumulatorBounds(inputs: inputs, weights: .any(1...1, count: count))
  }
}
