import Foundation
import QATConfig
import QATCore
import QATData
import QATIR
import QATPasses
import QATRewrite
import QATTraining

/// Small numbers that look random: the same ones everywhere.
private func weights(_ shape: [Int], scale: Float, seed: UInt64) -> AnyTensor {
  var random = RandomSource(seed: seed)
  let count = shape.reduce(1, *)
  return AnyTensor(
    shape: shape, (0..<count).map { _ in (Float(random.index(below: 2001)) / 1000 - 1) * scale })
}

private func filled(_ count: Int, _ number: Float) -> AnyTensor {
  AnyTensor(shape: [count], Array(repeating: number, count: count))
}

/// image f32[N,1,8,8] -> Conv (4 channels, stride 2) -> BatchNormalization -> Relu -> Gemm -> logits.
func convNet() throws -> Graph {
  var graph = Graph(name: "net")
  let image = graph.addInput("image", TensorType(.f32, Shape([Dimension(symbol: "N"), 1, 8, 8])))
  let kernel = graph.addVariable("conv.weight", weights([4, 1, 3, 3], scale: 0.4, seed: 1))
  let scale = graph.addVariable("norm.scale", filled(4, 1)),
    bias = graph.addVariable("norm.bias", filled(4, 0))
  let mean = graph.addVariable("norm.mean", filled(4, 0)),
    variance = graph.addVariable("norm.var", filled(4, 1))
  let matrix = graph.addVariable("dense.weight", weights([10, 64], scale: 0.2, seed: 2))
  let offset = graph.addVariable("dense.bias", filled(10, 0))
  var builder = GraphBuilder(graph)
  var conv = Conv()
  conv.window.strides = [2, 2]
  conv.window.pads = [1, 1, 1, 1]
  let x = builder.emit(conv, [image, kernel], name: "conv")
  let normed = builder.emit(BatchNormalization(), [x, scale, bias, mean, variance], name: "norm")
  let active = builder.emit(Relu(), [normed], name: "relu")
  let flat = builder.emit(Flatten(), [active], name: "flatten")
  let logits = builder.emit(Gemm(transB: true), [flat, matrix, offset], name: "logits")
  if let failure = builder.failure { throw failure }
  graph = builder.graph
  graph.setOutputs([logits])
  return graph
}

/// The same net with fake-quantizers on weights and activations.
func quantizedConvNet() throws -> Graph {
  var graph = try convNet()
  var context = PassContext()
  context[QuantizationConfig.self] = try QuantizationConfig(presetNamed: "recommended")
  try Pipeline([ApplyLayerConfig(), InsertFakeQuant()]).run(on: &graph, &context)
  return graph
}

/// The first digits of a split.
func digits(_ count: Int, _ split: DataSplit = .train) throws -> any DataSet {
  SubsetDataSet(try ImageDataSet.digits(split), Array(0..<count))
}

/// A file in the system's folder for temporary ones.
func temporaryPath(_ name: String) -> String {
  FileManager.default.temporaryDirectory.path + "/swift-qat-\(UUID().uuidString)-\(name)"
}
