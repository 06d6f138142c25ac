import QAT
import Testing

/// One layer, and what preparing puts around it.
@Suite("Wrapping of Linear and Conv")
struct WrappingTests {
  struct Layer: Sendable, CustomTestStringConvertible {
    let name: String
    /// The operation with its operands.
    let call: String
    let input: [Int]
    let weight: [Int]
    let output: [Int]
    /// Of the weight: output channels.
    let axis: Int
    var bias: Int? = nil
    /// Of convolutions.
    var stride = 1
    var pad = 0
    var dilation = 1
    var groups = 1
    var testDescription: String { name }
    var isConvolution: Bool { weight.count == 4 }
  }

  static let layers = [
    Layer(
      name: "linear, weight [out, in]", call: "Gemm(%x, %w, %b) {transB = 1}", input: [5, 4],
      weight: [3, 4], output: [3], axis: 0, bias: 3),
    Layer(
      name: "linear, weight [in, out]", call: "Gemm(%x, %w, %b) {}", input: [5, 4],
      weight: [4, 3], output: [3], axis: 1, bias: 3),
    Layer(
      name: "linear without bias", call: "MatMul(%x, %w)", input: [5, 4], weight: [4, 3],
      output: [3], axis: 1),
    Layer(
      name: "convolution", call: "Conv(%x, %w, %b) {}", input: [2, 2, 5, 5],
      weight: [3, 2, 3, 3], output: [3, 3, 3], axis: 0, bias: 3),
    Layer(
      name: "convolution, strided and padded",
      call: "Conv(%x, %w, %b) {strides = [2, 2], pads = [1, 1, 1, 1]}", input: [2, 2, 5, 5],
      weight: [4, 2, 3, 3], output: [4, 3, 3], axis: 0, bias: 4, stride: 2, pad: 1),
    Layer(
      name: "convolution, dilated, without bias", call: "Conv(%x, %w) {dilations = [2, 2]}",
      input: [2, 1, 6, 6], weight: [2, 1, 3, 3], output: [2, 2, 2], axis: 0, dilation: 2),
    Layer(
      name: "depthwise convolution", call: "Conv(%x, %w, %b) {group = 4, pads = [1, 1, 1, 1]}",
      input: [2, 4, 4, 4], weight: [4, 1, 3, 3], output: [4, 4, 4], axis: 0, bias: 4, pad: 1,
      groups: 4),
    Layer(
      name: "convolution in groups", call: "Conv(%x, %w, %b) {group = 2}", input: [2, 4, 4, 4],
      weight: [6, 2, 3, 3], output: [6, 2, 2], axis: 0, bias: 6, groups: 2),
  ]

  private func list(_ tensor: AnyTensor) -> String {
    tensor.floats.map { "\($0)" }.joined(separator: ", ")
  }

  private func graph(_ layer: Layer) throws -> Graph {
    let bias = layer.bias.map { "constant %b: f32[\($0)] = [\(list(tensor([$0], 5)))]" } ?? ""
    return try Graph(
      text: """
        graph @layer(%x: f32[N,\(text(layer.input.dropFirst()))]) -> (%y: f32[N,\(text(layer.output[...]))]) {
          constant %w: f32[\(text(layer.weight[...]))] = [\(list(weight(layer)))]
          \(bias)
          %y = \(layer.call)
        }
        """)
  }

  private func text(_ sizes: ArraySlice<Int>) -> String {
    sizes.map(String.init).joined(separator: ",")
  }

  /// Weights whose channels are of unequal size.
  private func weight(_ layer: Layer) -> AnyTensor {
    let inner = layer.weight.dropFirst(layer.axis + 1).reduce(1, *)
    let values = numbers(layer.weight.reduce(1, *), 2)
    return AnyTensor(
      shape: layer.weight,
      values.indices.map { index in
        values[index] * Float(1 + index / inner % layer.weight[layer.axis])
      })
  }

  private func batches(_ layer: Layer) -> [[String: AnyTensor]] {
    [["x": tensor(layer.input, 1, scale: 3)], ["x": tensor(layer.input, 4, scale: 5)]]
  }

  private func prepared(_ layer: Layer, _ config: QuantizationConfig) throws -> Graph {
    var preparer = QATPreparer(config, calibration: CalibrationData(batches(layer)))
    return try preparer.prepareForQAT(graph(layer))
  }

  /// The grids of input and weight channels, from the numbers alone.
  private func grids(_ layer: Layer) -> (input: ReferenceGrid, weights: [ReferenceGrid]) {
    let x = batches(layer).flatMap { $0["x"]?.floats ?? [] }
    let w = weight(layer).floats, inner = layer.weight.dropFirst(layer.axis + 1).reduce(1, *)
    var sizes = [Float](repeating: 0, count: layer.weight[layer.axis])
    for (index, value) in w.enumerated() {
      let channel = index / inner % sizes.count
      sizes[channel] = max(sizes[channel], abs(value))
    }
    return (
      .asymmetric(low: 0, high: 255, min: x.min() ?? 0, max: x.max() ?? 0),
      sizes.map { .symmetric(low: -127, high: 127, magnitude: $0) }
    )
  }

  @Test("quantizes input, weight by channel, and bias; the layer stays", arguments: layers)
  func operands(_ layer: Layer) throws {
    let float = try graph(layer), graph = try prepared(layer, minMaxConfig)
    let node = try graph.node("y"), old = try float.node("y")
    #expect(isSameOperation(graph[node].op, float[old].op))
    #expect(graph[graph[node].result].type == float[float[old].result].type)
    let input = try graph.source(0, of: node), weight = try graph.source(1, of: node)
    let x = try #require(graph[input].op as? FakeQuantize)
    #expect(x.grid == .uint8 && x.axis == nil && graph[input].operands[0] == graph.inputs[0])
    let w = try #require(graph[weight].op as? FakeQuantize)
    #expect(w.grid.description == "i8n" && w.axis == layer.axis)
    // The weight is what it was, and can be trained now.
    let parameter = try #require(graph[weight].operands[0])
    #expect(graph[parameter].variable == self.weight(layer) && graph[parameter].name == "w")
    if layer.bias != nil {
      #expect(graph[try graph.source(2, of: node)].op is FakeQuantizeBias)
    }
    // Behind it one quantizer, under the name of the output.
    #expect(graph.users(of: graph[node].result).contains { graph[$0].op is FakeQuantize })
    #expect(graph.outputs.map { graph[$0].name } == ["y"])
  }

  @Test("gives each operand the scale of its numbers", arguments: layers)
  func scales(_ layer: Layer) throws {
    let graph = try prepared(layer, minMaxConfig), expected = grids(layer)
    let statistics = try QuantizationStatistics(of: graph)
    let x = try statistics.quantizer(of: "x"), w = try statistics.quantizer(of: "w")
    #expect(x.scales == [expected.input.scale] && x.zeroPoints == [expected.input.zero])
    #expect(w.scales == expected.weights.map(\.scale) && Set(w.zeroPoints) == [0])
    guard layer.bias != nil else { return }
    let b = try statistics.quantizer(of: "b")
    #expect(b.kind == .bias)
    #expect(b.scales == expected.weights.map { expected.input.scale * $0.scale })
  }

  @Test("computes with the rounded operands", arguments: layers)
  func values(_ layer: Layer) throws {
    let graph = try prepared(layer, minMaxConfig), expected = grids(layer)
    let inputs = batches(layer)[1]
    let name = graph[graph[try graph.node("y")].result].name
    let found = try value(name, of: graph, inputs).floats
    let reference = product(layer, inputs["x"]?.floats ?? [], expected.input, expected.weights)
    #expect(found.count == reference.count)
    for (y, expected) in zip(found, reference) {
      // float32 sums of at most 36 products.
      #expect(abs(Double(y) - expected) < 1e-5 * max(1, abs(expected)))
    }
    let float = try run(self.graph(layer), inputs).floats
    #expect(found != float && decibels(float, found) > 35)
  }

  /// The layer in float64, on numbers rounded to their grids.
  private func product(
    _ layer: Layer, _ x: [Float], _ input: ReferenceGrid, _ weights: [ReferenceGrid]
  ) -> [Double] {
    let x = x.map { Double(input.value($0)) }, w = weight(layer).floats
    let bias = layer.bias.map { tensor([$0], 5).floats } ?? []
    let offsets = weights.indices.map { channel -> Double in
      guard !bias.isEmpty else { return 0 }
      let scale = input.scale * weights[channel].scale
      return Double((bias[channel] / scale).rounded(.toNearestOrEven) * scale)
    }
    func rounded(_ index: Int, _ channel: Int) -> Double {
      Double(weights[channel].value(w[index]))
    }
    guard layer.isConvolution else {
      let inner = layer.input[1], outputs = weights.count
      return (0..<layer.input[0] * outputs).map { index in
        let row = index / outputs, channel = index % outputs
        return (0..<inner).reduce(offsets[channel]) { sum, k in
          let place = layer.axis == 0 ? channel * inner + k : k * outputs + channel
          return sum + x[row * inner + k] * rounded(place, channel)
        }
      }
    }
    let (channels, height, width) = (layer.input[1], layer.input[2], layer.input[3])
    let (outputs, inner, kernel) = (layer.weight[0], layer.weight[1], layer.weight[2])
    func size(_ length: Int) -> Int {
      (length + 2 * layer.pad - layer.dilation * (kernel - 1) - 1) / layer.stride + 1
    }
    var result: [Double] = []
    for image in 0..<layer.input[0] {
      for channel in 0..<outputs {
        let first = channel / (outputs / layer.groups) * inner
        for row in 0..<size(height) {
          for column in 0..<size(width) {
            var sum = offsets[channel]
            for k in 0..<inner * kernel * kernel {
              let i = row * layer.stride - layer.pad + k / kernel % kernel * layer.dilation
              let j = column * layer.stride - layer.pad + k % kernel * layer.dilation
              guard (0..<height).contains(i), (0..<width).contains(j) else { continue }
              let plane = image * channels + first + k / (kernel * kernel)
              sum +=
                x[(plane * height + i) * width + j]
                * rounded(channel * inner * kernel * kernel + k, channel)
            }
            result.append(sum)
          }
        }
      }
    }
    return result
  }

  @Test("trains a wrapped linear layer by the gradient of its rounded operands")
  func gradient() throws {
    let layer = Self.layers[0], step: TrainingStep
    var options = TrainingOptions()
    options.loss = .mse
    step = try TrainingStep(prepared(layer, minMaxConfig), options)
    var gradient: [Float] = [], y: [Float] = [], x: [Float] = []
    try step.addBackwardHook(on: "w") { gradient = $0.value.floats }
    try step.addForwardHook(on: "y") { y = $0.value.floats }
    try step.addForwardHook(on: "x.quantized") { x = $0.value.floats }
    let targets = tensor([5, 3], 9, scale: 4)
    _ = try step.run(Batch(inputs: batches(layer)[1], labels: targets), learningRate: 0)
    // dw[o, k] = Σ 2 (y - t) x / 15: all weights are inside of their grid, all outputs too.
    for index in gradient.indices {
      let (output, k) = (index / 4, index % 4)
      let expected = (0..<5).reduce(0.0) { sum, row in
        let distance = Double(y[row * 3 + output] - targets.floats[row * 3 + output])
        return sum + 2 * distance * Double(x[row * 4 + k]) / 15
      }
      #expect(abs(Double(gradient[index]) - expected) < 1e-5 * max(1, abs(expected)))
    }
  }

  @Test("leaves weights or activations alone where it is told to") func parts() throws {
    let layer = Self.layers[3]
    var weightsOnly = minMaxConfig, activationsOnly = minMaxConfig
    weightsOnly.activations = nil
    activationsOnly.weights = nil
    let a = try prepared(layer, weightsOnly), b = try prepared(layer, activationsOnly)
    #expect(try QuantizationStatistics(of: a).quantizers.map(\.kind) == [.weights])
    #expect(a[try a.node("y")].operands[0] == a.inputs[0])
    #expect(
      try QuantizationStatistics(of: b).quantizers.map(\.kind) == [.activations, .activations])
    #expect(b[try #require(b[try b.node("y")].operands[1])].variable == weight(layer))
  }
}
