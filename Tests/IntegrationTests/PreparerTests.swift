import QAT
import Testing

/// `QATPreparer` from a float model to all the forms it can take.
@Suite("Preparer")
struct PreparerTests {
  private func preparer(_ config: QuantizationConfig = minMaxConfig) -> QATPreparer {
    QATPreparer(config, calibration: CalibrationData(images(batches: 3)))
  }

  /// A prepared model that was trained for two steps.
  private func trained(_ preparer: inout QATPreparer) throws -> Graph {
    let step = try TrainingStep(preparer.prepareForQAT(branchedNet()))
    let labels = AnyTensor(shape: [8], [2, 1, 0, 2, 1, 0, 2, 1] as [Int64])
    for inputs in images(batches: 2) {
      _ = try step.run(Batch(inputs: inputs, labels: labels), learningRate: 0.05)
    }
    return step.evaluationGraph
  }

  @Test("makes every form of one trained model, and they agree") func forms() throws {
    var preparer = preparer()
    let trained = try trained(&preparer)
    let inputs = images(batches: 4)[3]
    let simulated = try run(trained, inputs)
    for form in [QuantizedForm.fakeQuantized, .qdq, .qoperator] {
      let graph = try preparer.convertToQuantized(trained, to: form)
      #expect(graph.variables.isEmpty, "\(form)")
      let outputs = try Session(graph, mode: .integer).run(inputs)
      #expect(outputs == [simulated], "\(form)")
    }
  }

  @Test("prepares for the forms without observed activations, too")
  func formsWithoutActivations() throws {
    let float = try branchedNet(), inputs = images(batches: 1)[0]
    let expected = try run(float, inputs).floats
    for form in [QuantizedForm.dynamic, .weightOnly, .matmulnbits] {
      #expect(!form.observesActivations)
      // No data is needed.
      var preparer = QATPreparer(minMaxConfig)
      let prepared = try preparer.prepareForQAT(float, for: form)
      #expect(try preparer.statistics(of: prepared).count(.activations) == 0)
      let graph = try preparer.convertToQuantized(prepared, to: form)
      #expect(try decibels(expected, run(graph, inputs).floats) > 30, "\(form)")
      #expect(try preparer.quantize(float, to: form) == graph, "\(form)")
    }
  }

  @Test("tells which values are on which grids, at every stage") func statistics() throws {
    var preparer = preparer()
    let float = try branchedNet()
    #expect(try preparer.statistics(of: float).quantizers.isEmpty)
    let prepared = try preparer.prepareForQAT(float)
    let before = try preparer.statistics(of: prepared)
    #expect(before.count(.weights) == 3 && before.count(.bias) == 2)
    // image, relu, conv2, sum with pool and flat on its scale, logits.
    #expect(before.count(.activations) == 7)
    #expect(try before.quantizer(of: "relu").layer == "conv2")
    #expect(before.description.hasPrefix("quantized: 3 weights, 7 activations, 2 bias; "))
    let converted = try preparer.convertToQuantized(prepared)
    let after = try preparer.statistics(of: converted)
    #expect(after.count(.weights) == 3 && after.count(.bias) == 2)
    for name in ["conv1.weight", "conv2.weight", "dense.weight"] {
      let old = try before.quantizer(of: name)
      let new = try #require(after.quantizers.first { $0.value == "\(name).quantized" })
      #expect(old.scales == new.scales && old.zeroPoints == new.zeroPoints)
    }
    // 46 weights of four bytes are 46 codes; five biases of four bytes keep their size.
    let float32 = float.constants.reduce(0) { $0 + (float[$1].constant?.storage.byteCount ?? 0) }
    #expect(float32 == 4 * 46 + 4 * 5)
  }

  @Test("quantizes without training as the one call does") func oneCall() throws {
    let float = try Digits.trained.get(), data = try Digits.load(.train, limit: 128)
    let model = try quantizeModel(float, calibration: data, form: .qoperator)
    var preparer = QATPreparer(
      .postTraining,
      calibration: CalibrationData(
        data: try data.bound(to: float.modelFields), batchSize: 32, batches: 32))
    #expect(try preparer.quantize(float, to: .qoperator) == model.graph)
    #expect(preparer.remarks == model.remarks && !model.remarks.isEmpty)
  }

  /// Counts products, and says so.
  private struct CountProducts: Pass {
    static let name: PassName = "count-products"
    static let summary = "count products"
    static let effect: Effect = .analysis
    func run(on graph: inout Graph, _ context: inout PassContext) throws(Diagnostic) {
      let count = graph.nodes.count { graph[$0].op is Conv || graph[$0].op is Gemm }
      context.remark(node: nil, "\(count) products")
    }
  }

  @Test("runs a program's own passes over its graphs") func ownPass() throws {
    var preparer = preparer()
    let prepared = try preparer.prepareForQAT(branchedNet())
    let after = try preparer.run(Pipeline([CountProducts()]), on: prepared)
    #expect(after == prepared && preparer.remarks.last?.message == "3 products")
    #expect(preparer.remarks.last?.pass == "count-products")
  }

  @Test("refuses what can't be, before anything is trained") func mistakes() throws {
    func failure(_ change: (inout QuantizationConfig) -> Void) -> Diagnostic? {
      var config = minMaxConfig
      change(&config)
      return #expect(throws: Diagnostic.self) {
        var preparer = preparer(config)
        return try preparer.prepareForQAT(branchedNet())
      }
    }
    let nothing = failure { $0.layers = [LayerRule(.name("conv3"), quantize: false)] }
    #expect(nothing?.code == .configuration && nothing?.hint?.contains("conv2") == true)
    let conflict = failure {
      $0.layers = [
        LayerRule(.name("conv1"), quantize: false), LayerRule(.op("Conv"), quantize: true),
      ]
    }
    #expect(conflict?.description.contains("rule 2") == true)
    let channels = failure { $0.activations?.granularity = .perChannel }
    #expect(channels?.code == .unsupported)
    let bits = failure { $0.weights?.bits = 11 }
    #expect(bits?.code == .configuration && bits?.message.contains("11") == true)
    let float = failure { $0.layers = [LayerRule(.glob("*"), quantize: false)] }
    #expect(float?.message == "nothing is to be quantized")
    var empty = QATPreparer(minMaxConfig)
    let data = #expect(throws: Diagnostic.self) { try empty.prepareForQAT(branchedNet()) }
    #expect(data?.code == .invalidData)
  }
}
