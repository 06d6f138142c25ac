import QATCore
import QATData
import QATIR
import QATRuntime

/// x f32[N,8] -> three Gemm with Relu between -> scores f32[N,4]. Each row of the middle weight holds
/// an outlier that meets an input of 0, so that this layer is fragile and the float model is not.
func fragileModel() throws -> Graph {
  var random = RandomSource(seed: 5)
  func weight(_ rows: Int, _ columns: Int) -> [Float] {
    (0..<rows * columns).map { _ in random.normal() * (2 / Float(columns)).squareRoot() }
  }
  var graph = Graph(name: "fragile")
  let x = graph.addInput("x", TensorType(.f32, Shape([Dimension(symbol: "N"), 8])))
  var builder = GraphBuilder(graph)
  var value = x
  for (name, sizes) in [("front", [16, 8]), ("middle", [16, 16]), ("head", [4, 16])] {
    var elements = weight(sizes[0], sizes[1])
    var bias = [Float](repeating: 0.1, count: sizes[0])
    if name == "front" { bias[0] = -1000 }  // behind the Relu always 0
    if name == "middle" { for row in 0..<16 { elements[row * 16] = 100 } }
    let w = builder.constant(AnyTensor(shape: sizes, elements), name: "\(name).weight")
    let b = builder.constant(AnyTensor(shape: [sizes[0]], bias), name: "\(name).bias")
    value = builder.emit(Gemm(transB: true), [value, w, b], name: name)
    if name != "head" { value = builder.emit(Relu(), [value], name: "\(name).relu") }
  }
  if let failure = builder.failure { throw failure }
  graph = builder.graph
  graph.setOutputs([value])
  return graph
}

/// Samples for that model, with the class that the float model gives them as labels.
func labelled(_ graph: Graph, _ count: Int, seed: UInt64) throws -> ArrayDataSet {
  var random = RandomSource(seed: seed)
  let x = AnyTensor(shape: [count, 8], (0..<count * 8).map { _ in random.normal() })
  let scores = try Session(graph).run(["x": x])[0].doubles ?? []
  let classes = (0..<count).map { row -> Int64 in
    let four = scores[row * 4..<row * 4 + 4]
    return Int64((four.indices.max { four[$0] < four[$1] } ?? 0) - row * 4)
  }
  return try ArrayDataSet(x, labels: AnyTensor(shape: [count], classes))
}
