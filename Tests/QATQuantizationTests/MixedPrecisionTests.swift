import QATConfig
import QATCore
import QATData
import QATIR
import QATPasses
import QATQuantization
import QATTraining
import Testing

@Suite("Mixed precision")
struct MixedPrecisionTests {
  private func preparer(_ graph: Graph, _ config: QuantizationConfig = .recommended) throws
    -> QATPreparer
  {
    let data = try labelled(graph, 64, seed: 1).bound(to: graph.modelFields)
    return QATPreparer(
      config, calibration: CalibrationData(data: data, batchSize: 32, batches: 0))
  }

  @Test("finds the layer that was made fragile, by noise and by accuracy, again and again")
  func fragile() throws {
    let graph = try fragileModel(), data = try labelled(graph, 500, seed: 3)
    var options = SensitivityOptions()
    options.widths = [LayerWidth(weights: 8), LayerWidth(weights: 4)]
    let table = try preparer(graph).sensitivity(of: graph, on: data, options)
    let eight = table.ranking.filter { $0.weightBits == 8 }
    #expect(eight.map(\.layer)[0] == "middle" && eight[0].sqnr + 15 < eight[1].sqnr)
    let drops = try eight.map { try #require($0.drop) }
    #expect(drops[0] > 0.05 && drops[1] < 0.02)
    #expect(table.floatScore == 1 && table.entries.count == 6)
    // The same on one thread and in other batches but for the order of sums; the same again, exactly.
    #expect(try preparer(graph).sensitivity(of: graph, on: data, options) == table)
    options.evaluator = Evaluator(batchSize: 256, threads: 1)
    #expect(try preparer(graph).sensitivity(of: graph, on: data, options) == table)
    options.samples = 100
    let part = try preparer(graph).sensitivity(of: graph, on: data, options)
    #expect(part != table && part.ranking[0].layer == "middle")
    options.seed = 9
    #expect(try preparer(graph).sensitivity(of: graph, on: data, options) != part)
  }

  @Test("measures learned scales as a model has them with that layer alone on a grid")
  func learned() throws {
    let graph = try fragileModel(), data = try labelled(graph, 200, seed: 3)
    let calibration = try labelled(graph, 64, seed: 1)
    let config = try QuantizationConfig(
      yaml: "weights: {bits: 4, quantizer: lsq}\nactivations: {bits: 6, quantizer: lsq}")
    let table = try preparer(graph, config).sensitivity(of: graph, on: data)
    #expect(table.layers == ["front", "middle", "head"])
    for entry in table.entries {
      #expect(entry.bits == "W4A6")
      var alone = config
      alone.layers = [
        LayerRule(.glob("*"), quantize: false), LayerRule(.name(entry.layer), quantize: true),
      ]
      let model = try quantizeModel(
        graph, calibration: calibration, config: alone, form: .fakeQuantized)
      let output = try compareQuantized(graph, model.graph, on: data).outputs[0].comparison
      #expect(abs(entry.sqnr - output.sqnr) < 1e-6, "\(entry.layer)")
    }
  }

  @Test(
    "gives bits of weights back where activations are not observed, without calibration",
    arguments: [QuantizedForm.dynamic, .weightOnly, .matmulnbits])
  func forms(_ form: QuantizedForm) throws {
    let graph = try fragileModel(), data = try labelled(graph, 500, seed: 3)
    var config = QuantizationConfig.recommended
    config.weights?.bits = form == .weightOnly ? 3 : 4
    var preparer = QATPreparer(config), options = SensitivityOptions()
    options.form = form
    let table = try preparer.sensitivity(of: graph, on: data, options)
    #expect(table.entries.allSatisfy { $0.activationBits == nil && $0.weightCount > 0 })
    options.widths = [LayerWidth(weights: 8, activations: 8)]
    let wider = try preparer.sensitivity(of: graph, on: data, options)
    let outcome = try AccuracyFallback(maxDrop: 1).run(
      from: config, floatAccuracy: 1,
      sensitivities: { SensitivityTable(entries: table.entries + wider.entries) },
      quantize: { config throws(Diagnostic) in
        preparer.config = config
        return try preparer.quantize(graph, to: form)
      },
      accuracy: { graph throws(Diagnostic) in try Evaluator().accuracy(graph, data) })
    #expect(outcome.drop <= 1 && !outcome.steps.isEmpty)
    // The layer with the most noise first, to eight bits.
    let noisiest = try #require(table.ranking.first)
    #expect(outcome.steps[0].layer == noisiest.layer && outcome.steps[0].to == "W8")
  }

  @Test("assigns bits within a budget of accuracy that holds when measured again")
  func accuracyBudget() throws {
    let graph = try fragileModel(), data = try labelled(graph, 500, seed: 3)
    var options = SensitivityOptions()
    options.widths = [LayerWidth(weights: 8), LayerWidth(weights: 4)]
    var preparer = try preparer(graph)
    let table = try preparer.sensitivity(of: graph, on: data, options)
    var pass = AssignBits()
    pass.bits = "8,4"
    pass.drop = 4
    let assignment = try preparer.assignBits(of: graph, table, pass, validation: data)
    #expect(assignment.choices.map(\.layer) == ["front", "middle", "head"])
    #expect(assignment.choices[1].width == nil && assignment.choices[0].width != nil)
    preparer.config = assignment.applied(to: preparer.config)
    let model = try preparer.quantize(graph)
    #expect(try Evaluator().accuracy(model, data) >= 0.96)
  }

  @Test("gives bits back until the drop is met, the most sensitive layer first")
  func fallback() throws {
    let graph = try fragileModel(), data = try labelled(graph, 500, seed: 3)
    var config = QuantizationConfig.recommended
    config.weights?.bits = 3
    var start = try preparer(graph, config)
    let width = LayerWidth(weights: 8, activations: 8)
    var options = SensitivityOptions()
    let configured = try start.sensitivity(of: graph, on: data, options)
    options.widths = [width]
    let wide = try start.sensitivity(of: graph, on: data, options)
    let table = SensitivityTable(entries: configured.entries + wide.entries)
    func run(_ maxDrop: Double) throws -> AccuracyFallback.Outcome {
      try AccuracyFallback(maxDrop: maxDrop, widths: [width]).run(
        from: config, floatAccuracy: 1, sensitivities: { table },
        quantize: { config throws(Diagnostic) in
          start.config = config
          return try start.quantize(graph)
        },
        accuracy: { graph throws(Diagnostic) in try Evaluator().accuracy(graph, data) })
    }
    let outcome = try run(2)
    #expect(outcome.drop <= 2)
    #expect(try Evaluator().accuracy(outcome.graph, data) == outcome.accuracy)
    // Every step took the noisiest layer and lost too much before it.
    #expect(outcome.steps.allSatisfy { $0.drop > 2 })
    #expect(outcome.steps[0].layer == "middle" && outcome.steps[0].from == "W3A8")
    #expect(outcome.steps.contains { $0.layer == "middle" && $0.to == "float" })
    #expect(outcome.steps[0].description.contains("adds the most noise"))
    #expect(try QuantizationConfig(yaml: outcome.config.yaml) == outcome.config)
    #expect(try run(2).config == outcome.config)
    // Met from the start: then nothing is measured.
    let loose = try run(100)
    #expect(loose.steps.isEmpty && loose.config == config)
    let error = #expect(throws: Diagnostic.self) { try run(-1) }
    #expect(error?.code == .configuration && error?.hint != nil)
  }
}
