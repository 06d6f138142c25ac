import QAT

/// Numbers in -0.5..<0.5 that follow no line: the same ones everywhere.
func numbers(_ count: Int, _ seed: Int = 0) -> [Float] {
  (0..<count).map { Float(($0 * 37 + seed * 11) % 64) / 64 - 0.5 }
}

func tensor(_ shape: [Int], _ seed: Int = 0, scale: Float = 1) -> AnyTensor {
  AnyTensor(shape: shape, numbers(shape.reduce(1, *), seed).map { $0 * scale })
}

/// A convolution with its Relu, a branch that is added to it, a pooling, and a dense layer:
///
///     image -> conv1 -> relu -> conv2 -> sum -> pool -> flat -> logits
///                          \____________/
func branchedNet() throws -> Graph {
  func list(_ count: Int, _ seed: Int) -> String {
    numbers(count, seed).map { "\($0)" }.joined(separator: ", ")
  }
  return try Graph(
    text: """
      graph @net(%image: f32[N,1,6,6]) -> (%logits: f32[N,3]) {
        constant %conv1.weight: f32[2,1,3,3] = [\(list(18, 1))]
        constant %conv1.bias: f32[2] = [0.1, -0.2]
        constant %conv2.weight: f32[2,2,1,1] = [\(list(4, 2))]
        constant %dense.weight: f32[3,8] = [\(list(24, 3))]
        constant %dense.bias: f32[3] = [0.1, -0.2, 0.3]
        %conv1 = Conv(%image, %conv1.weight, %conv1.bias) {}
        %relu = Relu(%conv1)
        %conv2 = Conv(%relu, %conv2.weight) {}
        %sum = Add(%conv2, %relu)
        %pool = MaxPool(%sum) {kernel_shape = [2, 2], strides = [2, 2]}
        %flat = Flatten(%pool)
        %logits = Gemm(%flat, %dense.weight, %dense.bias) {transB = 1}
      }
      """)
}

/// Batches of images for that net.
func images(batches: Int, of count: Int = 8) -> [[String: AnyTensor]] {
  (0..<batches).map { ["image": tensor([count, 1, 6, 6], $0 * 5 + 1, scale: 2 + Float($0))] }
}

/// The recommended configuration with ranges that hold all that was seen: they can be worked out.
var minMaxConfig: QuantizationConfig {
  var config = QuantizationConfig.recommended
  config.activations?.observer = ObserverConfig(.minMax)
  return config
}

/// image f32[N,1,28,28] -> two blocks of convolution, batch-norm, Relu and MaxPool -> dense -> logits
/// f32[N,10]; weights from a normal distribution of variance 2 / fan-in.
func digitNet(seed: UInt64 = 1) throws -> Graph {
  var graph = Graph(name: "digits")
  let image = graph.addInput("image", TensorType(.f32, [Dimension(symbol: "N"), 1, 28, 28]))
  var net = NetBuilder(graph, seed: seed)
  var x = net.block("conv1", image, [8, 1, 5, 5], stride: 2, pad: 2)
  x = net.block("conv2", x, [16, 8, 3, 3], stride: 1, pad: 1)
  x = net.builder.emit(Flatten(), [x], name: "flatten")
  let w = net.weight("dense.weight", [10, 144])
  let b = net.constants("dense.bias", 10, 0)
  let logits = net.builder.emit(Gemm(transB: true), [x, w, b], name: "logits")
  if let failure = net.builder.failure { throw failure }
  graph = net.builder.graph
  graph.setOutputs([logits])
  return graph
}

private struct NetBuilder {
  var builder: GraphBuilder
  private var random: RandomSource

  init(_ graph: Graph, seed: UInt64) {
    builder = GraphBuilder(graph)
    random = RandomSource(seed: seed)
  }

  mutating func weight(_ name: String, _ shape: [Int]) -> ValueID {
    let deviation = (2 / Float(shape.dropFirst().reduce(1, *))).squareRoot()
    let elements = (0..<shape.reduce(1, *)).map { _ in random.normal() * deviation }
    return builder.constant(AnyTensor(shape: shape, elements), name: name)
  }

  mutating func constants(_ name: String, _ count: Int, _ number: Float) -> ValueID {
    builder.constant(
      AnyTensor(shape: [count], Array(repeating: number, count: count)), name: name)
  }

  mutating func block(
    _ name: String, _ x: ValueID, _ shape: [Int], stride: Int, pad: Int
  ) -> ValueID {
    var conv = Conv()
    conv.window.strides = [stride, stride]
    conv.window.pads = [pad, pad, pad, pad]
    let y = builder.emit(conv, [x, weight("\(name).weight", shape)], name: name)
    let parameters = [
      constants("\(name).norm.scale", shape[0], 1), constants("\(name).norm.bias", shape[0], 0),
      constants("\(name).norm.mean", shape[0], 0), constants("\(name).norm.var", shape[0], 1),
    ]
    let normed = builder.emit(BatchNormalization(), [y] + parameters, name: "\(name).norm")
    let active = builder.emit(Relu(), [normed], name: "\(name).relu")
    var pool = MaxPool()
    pool.window.kernelShape = [2, 2]
    pool.window.strides = [2, 2]
    return builder.emit(pool, [active], name: "\(name).pool")
  }
}
