import QATConfig
import QATCore
import QATIR
import QATPasses
import QATRewrite
import QATRuntime
import Testing

/// Passes that mend a trained model before or after it is quantized.
@Suite("Mending a model for quantization")
struct PostTrainingTests {
  // MARK: - equalize-cross-layer

  /// conv, depthwise, conv, flattened into a matrix: channel ranges that differ by thousands.
  private func unequalNet() throws -> Graph {
    var numbers = SeededNumbers(seed: 5)
    // Each channel's results are larger by its factor, and what reads them smaller.
    let factors: [[Float]] = [[64, 0.02, 1, 8], [0.1, 1, 30, 4], [1, 50, 0.05, 2, 0.4, 9]]
    func weight(_ shape: [Int], _ scale: (Int) -> Float) -> String {
      let inner = shape[2...].reduce(1, *), count = shape.reduce(1, *)
      return "\((0..<count).map { numbers.float() * scale($0 / inner) / 4 })"
    }
    let w1 = weight([4, 2, 3, 3]) { factors[0][$0 / 2] }
    let w2 = weight([4, 1, 3, 3]) { factors[1][$0] / factors[0][$0] }
    let w3 = weight([6, 4, 1, 1]) { factors[2][$0 / 4] / factors[1][$0 % 4] }
    let w4 = weight([54, 3, 1]) { 1 / factors[2][$0 / 3 / 9] }
    func bias(_ factors: [Float]) -> [Float] { factors.map { $0 * numbers.float() / 4 } }
    return try Graph(
      text: """
        graph @net(%x: f32[N,2,7,7]) -> (%y: f32[N,3]) {
          constant %w1: f32[4,2,3,3] = \(w1)
          constant %b1: f32[4] = \(bias(factors[0]))
          constant %w2: f32[4,1,3,3] = \(w2)
          constant %b2: f32[4] = \(bias(factors[1]))
          constant %w3: f32[6,4,1,1] = \(w3)
          constant %b3: f32[6] = \(bias(factors[2]))
          constant %w4: f32[54,3] = \(w4)
          %c1 = Conv(%x, %w1, %b1)
          %r1 = Relu(%c1)
          %c2 = Conv(%r1, %w2, %b2) {group = 4}
          %r2 = LeakyRelu(%c2) {alpha = 0.1}
          %c3 = Conv(%r2, %w3, %b3)
          %r3 = Relu(%c3)
          %f = Flatten(%r3)
          %y = Gemm(%f, %w4)
        }
        """)
  }

  private func batches(_ count: Int, _ shape: [Int], seed: UInt64) -> [[String: AnyTensor]] {
    var numbers = SeededNumbers(seed: seed)
    let size = shape.reduce(1, *)
    return (0..<count).map { _ in
      ["x": AnyTensor(shape: shape, (0..<size).map { _ in numbers.float() })]
    }
  }

  private func outputs(_ graph: Graph, _ batches: [[String: AnyTensor]]) throws -> [Double] {
    let session = try Session(graph)
    return try batches.flatMap { try session.run($0)[0].doubles ?? [] }
  }

  /// Signal to noise in decibels, as a power ratio.
  private func quality(_ wanted: [Double], _ found: [Double]) -> Double {
    let signal = wanted.reduce(0) { $0 + $1 * $1 }
    let noise = zip(wanted, found).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    // One decibel is a factor of 10^0.1; the exponent is found by doubling.
    var ratio = signal / max(noise, 1e-30), decibels = 0.0
    while ratio > 1.0233 { (ratio, decibels) = (ratio / 1.0233, decibels + 0.1) }
    return decibels
  }

  private func quantized(
    _ graph: Graph, _ data: [[String: AnyTensor]], passes: String
  ) throws -> Graph {
    var result = graph, context = PassContext()
    context[QuantizationConfig.self] = try QuantizationConfig(presetNamed: "default")
    context[CalibrationData.self] = CalibrationData(data)
    try Pipeline(passes, registry: .withPipelines).run(on: &result, &context)
    return result
  }

  @Test("equal ranges compute the same, and save a per-tensor model from unequal channels")
  func equalize() throws {
    let net = try unequalNet(), data = batches(6, [4, 2, 7, 7], seed: 3)
    let wanted = try outputs(net, data)
    let equalized = try quantized(net, data, passes: "equalize-cross-layer")
    #expect(quality(wanted, try outputs(equalized, data)) > 100)

    let before = quality(wanted, try outputs(quantized(net, data, passes: "ptq"), data))
    let after = quality(
      wanted, try outputs(quantized(net, data, passes: "equalize-cross-layer,ptq"), data))
    #expect(before < 8 && after > before + 12, "\(before) dB, then \(after) dB")
  }

  @Test("every channel ends with one range on both sides, through the whole chain")
  func ranges() throws {
    let net = try unequalNet()
    let graph = try quantized(net, [], passes: "equalize-cross-layer")
    func weight(_ name: String) throws -> AnyTensor {
      try #require(graph.value(named: name + ".equalized").flatMap { graph[$0].constant })
    }
    func largest(_ tensor: AnyTensor, _ channel: (Int) -> Int, _ count: Int) -> [Double] {
      var result = Array(repeating: 0.0, count: count)
      for (index, w) in (tensor.doubles ?? []).enumerated() {
        result[channel(index)] = max(result[channel(index)], abs(w))
      }
      return result
    }
    let sides = [
      (largest(try weight("w1"), { $0 / 18 }, 4), largest(try weight("w2"), { $0 / 9 }, 4)),
      (largest(try weight("w2"), { $0 / 9 }, 4), largest(try weight("w3"), { $0 % 4 }, 4)),
      (largest(try weight("w3"), { $0 / 4 }, 6), largest(try weight("w4"), { $0 / 27 }, 6)),
    ]
    for (out, into) in sides {
      // The last sweep moved no range by more than a thousandth.
      #expect(zip(out, into).allSatisfy { abs($0 / $1 - 1) < 4e-3 }, "\(out) \(into)")
    }
    // Done once, there is nothing to do.
    var again = graph, context = PassContext()
    try EqualizeCrossLayer().run(on: &again, &context)
    #expect(again == graph)
  }

  @Test("transposed and grouped products scale along the channels they have")
  func layouts() throws {
    var numbers = SeededNumbers(seed: 9)
    func weight(_ count: Int) -> [Float] {
      (0..<count).map { numbers.float() * ($0 % 5 == 0 ? 20 : 0.1) }
    }
    let net = try Graph(
      text: """
        graph @net(%x: f32[N,4,5,5]) -> (%y: f32[N,2,5,5]) {
          constant %w1: f32[4,3,2,2] = \(weight(48))
          constant %b1: f32[6] = \(weight(6))
          constant %w2: f32[4,3,2,2] = \(weight(48))
          constant %w3: f32[4,2,1,1] = \(weight(8))
          %c1 = ConvTranspose(%x, %w1, %b1) {group = 2}
          %r1 = Relu(%c1)
          %c2 = Conv(%r1, %w2) {group = 2}
          %r2 = Relu(%c2)
          %y = ConvTranspose(%r2, %w3)
        }
        """)
    let data = batches(2, [3, 4, 5, 5], seed: 4)
    let after = try quantized(net, data, passes: "equalize-cross-layer")
    #expect(after.value(named: "w3.equalized") != nil)
    #expect(quality(try outputs(net, data), try outputs(after, data)) > 100)
  }

  // MARK: - correct-bias

  @Test("biases take the mean error of every layer", arguments: [true, false])
  func correct(_ isFrozen: Bool) throws {
    let net = try unequalNet(), data = batches(6, [4, 2, 7, 7], seed: 3)
    let text =
      "canonicalize,apply-layer-config,\(isFrozen ? "" : "make-trainable,")insert-fake-quant,"
      + "share-scales,calibrate"
    let plain = try quantized(net, data, passes: text)
    let corrected = try quantized(net, data, passes: text + ",correct-bias")
    var float = plain
    for id in float.nodes {
      if var op = float[id].op as? FakeQuantize {
        op.bypass = true
        float.setOperation(of: id, to: op)
      } else if float[id].op is FakeQuantizeBias {
        float.setOperation(of: id, to: FakeQuantizeBias(bypass: true))
      }
    }
    for (layer, channels) in [("c1", 4), ("c2", 4), ("c3", 6), ("y.float", 3)] {
      func means(_ graph: Graph) throws -> [Double] {
        let session = try Session(graph, watching: [layer])
        var sums = Array(repeating: 0.0, count: channels), count = 0
        for batch in data {
          _ = try session.run(batch)
          let tensor = try #require(session.value(layer))
          let inner = tensor.shape[2...].reduce(1, *)
          for (index, value) in (tensor.doubles ?? []).enumerated() {
            sums[index / inner % channels] += value
          }
          count += tensor.elementCount / channels
        }
        return sums.map { $0 / Double(count) }
      }
      let wanted = try means(float)
      func error(_ found: [Double]) -> Double {
        zip(wanted, found).map { abs($0 - $1) }.max() ?? 0
      }
      let before = error(try means(plain)), after = error(try means(corrected))
      // What is left is the rounding of the bias to its int32 grid, coarse with these ranges.
      #expect(after < before / 10, "\(layer): \(before), then \(after)")
    }
    #expect(!isFrozen || corrected.variables.allSatisfy { !corrected[$0].name.contains("bias") })
  }

  @Test(
    "a batch-norm behind a product takes the correction, folded or not",
    arguments: ["default", "recommended"])
  func correctNorm(_ preset: String) throws {
    var graph = try Sample.graph("conv_norm"), context = PassContext.forTests(graph)
    var config = try QuantizationConfig(presetNamed: preset)
    config.weights?.bits = 3
    context[QuantizationConfig.self] = config
    try Pipeline("qat-prepare", registry: .withPipelines).run(on: &graph, &context)
    let mark = try #require(
      graph.nodes.first {
        graph[$0].op is FoldedBatchNormalization || graph[$0].op is BatchNormalization
      })
    let name = graph[graph[mark].result].name
    let inputs = sampleInputs(for: graph, count: 4, seed: 11)
    func sums(_ graph: Graph) throws -> [Double] {
      let session = try Session(graph, watching: [name])
      var sums = [0.0, 0, 0]
      for batch in inputs {
        _ = try session.run(batch)
        for (index, value) in (session.value(name)?.doubles ?? []).enumerated() {
          sums[index / 25 % 3] += value / 300
        }
      }
      return sums
    }
    var float = graph
    for id in float.nodes {
      if var op = float[id].op as? FakeQuantize {
        op.bypass = true
        float.setOperation(of: id, to: op)
      } else if var op = float[id].op as? FoldedBiasRounding {
        op.bypass = true
        float.setOperation(of: id, to: op)
      } else if float[id].op is FakeQuantizeBias {
        float.setOperation(of: id, to: FakeQuantizeBias(bypass: true))
      }
    }
    let wanted = try sums(float), before = try sums(graph)
    try CorrectBias().run(on: &graph, &context)
    let after = try sums(graph)
    func error(_ found: [Double]) -> Double {
      zip(wanted, found).map { abs($0 - $1) }.max() ?? 0
    }
    // What is left is the rounding of the bias to its int32 grid.
    #expect(error(after) < error(before) / 5, "\(error(before)), then \(error(after))")
  }

  // MARK: - reestimate-batchnorm

  @Test("batch-norms get the statistics of all the data, each behind the ones in front of it")
  func reestimate() throws {
    var graph = try Graph(
      text: """
        graph @net(%x: f32[N,2,3,3]) -> (%y: f32[N,2,3,3]) {
          constant %w: f32[2,2,1,1] = [1.0, -0.5, 0.25, 2.0]
          constant %gamma: f32[2] = [1.5, -0.5]
          constant %beta: f32[2] = [0.5, 0.25]
          variable %mean1: f32[2] = [0.0, 0.0]
          variable %variance1: f32[2] = [1.0, 1.0]
          variable %mean2: f32[2] = [0.0, 0.0]
          variable %variance2: f32[2] = [1.0, 1.0]
          %n1 = BatchNormalization(%x, %gamma, %beta, %mean1, %variance1)
          %r = Relu(%n1)
          %c = Conv(%r, %w)
          %y = BatchNormalization(%c, %gamma, %beta, %mean2, %variance2)
        }
        """)
    // Batches of unequal sizes count by their samples.
    let data = batches(3, [4, 2, 3, 3], seed: 1) + batches(1, [1, 2, 3, 3], seed: 2)
    var context = PassContext()
    context[CalibrationData.self] = CalibrationData(data)
    try ReestimateBatchNorm().run(on: &graph, &context)
    for (value, mean, variance) in [("x", "mean1", "variance1"), ("c", "mean2", "variance2")] {
      var all: [[Double]] = [[], []]
      let session = try Session(graph, watching: [value])
      for batch in data {
        _ = try session.run(batch)
        let x = value == "x" ? batch["x"] : session.value(value)
        for (index, element) in (x?.doubles ?? []).enumerated() {
          all[index / 9 % 2].append(element)
        }
      }
      for channel in 0..<2 {
        let count = Double(all[channel].count), center = all[channel].reduce(0, +) / count
        let spread = all[channel].reduce(0) { $0 + ($1 - center) * ($1 - center) } / count
        func found(_ name: String) -> Double? {
          graph.value(named: name).flatMap { graph[$0].variable?.doubles?[channel] }
        }
        #expect(abs(try #require(found(mean)) - center) < 1e-6)
        #expect(abs(try #require(found(variance)) - spread) < 1e-6 * max(1, spread))
      }
    }
  }

  @Test("a folded batch-norm gets those of its quantized product, unscaled")
  func reestimateFolded() throws {
    var graph = try Sample.graph("conv_norm"), context = PassContext.forTests(graph)
    context[QuantizationConfig.self] = try QuantizationConfig(presetNamed: "default")
    try Pipeline("qat-prepare", registry: .withPipelines).run(on: &graph, &context)
    var plain = try Sample.graph("conv_norm")
    try Pipeline("make-trainable", registry: .builtin).run(on: &plain, &context)
    try ReestimateBatchNorm().run(on: &plain, &context)
    try ReestimateBatchNorm().run(on: &graph, &context)
    for name in ["mean", "var"] {
      let a = plain.value(named: name).flatMap { plain[$0].variable?.doubles } ?? []
      let b = graph.value(named: name).flatMap { graph[$0].variable?.doubles } ?? []
      try #require(a.count == 3 && b.count == 3)
      // 8 bits for weights and inputs move them by little.
      #expect(zip(a, b).allSatisfy { abs($0 - $1) < 0.02 * max(1, abs($0)) }, "\(a) \(b)")
      #expect(a != b)
    }
  }

  @Test("a NaN in the data is an error that names the value")
  func notANumber() throws {
    var graph = try Sample.graph("conv_norm"), context = PassContext()
    let x = AnyTensor(shape: [1, 2, 5, 5], Array(repeating: Float.nan, count: 50))
    context[CalibrationData.self] = CalibrationData([["x": x]])
    do throws(Diagnostic) {
      try ReestimateBatchNorm().run(on: &graph, &context)
      Issue.record("nothing was thrown")
    } catch {
      #expect(error.code == .invalidData && error.message.contains("'c'"), "\(error)")
    }
    context[CalibrationData.self] = nil
    #expect(throws: Diagnostic.self) { try ReestimateBatchNorm().run(on: &graph, &context) }
  }
}
