import QAT

/// The network that `demo` trains: two convolutions with batch-norm, one dense layer, on 8 × 8 digits.
enum DemoModel {
  /// Weights are drawn from a normal distribution of variance 2 / fan-in (He et al., arXiv:1502.01852).
  static func graph(seed: UInt64) throws(Diagnostic) -> Graph {
    var graph = Graph(name: "digits")
    let image = graph.addInput("image", TensorType(.f32, [Dimension(symbol: "N"), 1, 8, 8]))
    var builder = GraphBuilder(graph)
    var random = RandomSource(seed: seed)
    var x = image
    for (index, sizes) in [[16, 1, 3, 3], [32, 16, 3, 3]].enumerated() {
      x = block("conv\(index + 1)", x, sizes, &builder, &random)
    }
    x = builder.emit(Flatten(), [x], name: "flatten")
    let w = weight("dense.weight", [10, 128], &builder, &random)
    let b = builder.constant(
      AnyTensor(shape: [10], [Float](repeating: 0, count: 10)), name: "dense.bias")
    var dense = Gemm()
    dense.transB = true
    let logits = builder.emit(dense, [x, w, b], name: "logits")
    if let failure = builder.failure { throw failure }
    graph = builder.graph
    graph.setOutputs([logits])
    return graph
  }

  /// Convolution 3 × 3, batch-norm, Relu, and a maximum over 2 × 2.
  private static func block(
    _ name: String, _ x: ValueID, _ sizes: [Int], _ builder: inout GraphBuilder,
    _ random: inout RandomSource
  ) -> ValueID {
    var conv = Conv()
    conv.window.pads = [1, 1, 1, 1]
    conv.window.kernelShape = [3, 3]
    let w = weight("\(name).weight", sizes, &builder, &random)
    let y = builder.emit(conv, [x, w], name: name)
    let channels = sizes[0]
    let parameters = [("scale", 1), ("bias", 0), ("mean", 0), ("variance", 1)].map {
      suffix, value in
      builder.constant(
        AnyTensor(shape: [channels], [Float](repeating: Float(value), count: channels)),
        name: "\(name).norm.\(suffix)")
    }
    let normed = builder.emit(BatchNormalization(), [y] + parameters, name: "\(name).norm")
    let active = builder.emit(Relu(), [normed], name: "\(name).relu")
    var pool = MaxPool()
    pool.window.kernelShape = [2, 2]
    pool.window.strides = [2, 2]
    return builder.emit(pool, [active], name: "\(name).pool")
  }

  private static func weight(
    _ name: String, _ sizes: [Int], _ builder: inout GraphBuilder, _ random: inout RandomSource
  ) -> ValueID {
    let deviation = (2 / Float(sizes.dropFirst().reduce(1, *))).squareRoot()
    let elements = (0..<sizes.reduce(1, *)).map { _ in random.normal() * deviation }
    return builder.constant(AnyTensor(shape: sizes, elements), name: name)
  }
}
