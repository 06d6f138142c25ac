import Foundation
import QATCore
import Testing

@testable import QATConfig

@Suite("Configurations as YAML")
struct YAMLTests {
  @Test("read the example of the documentation")
  func example() throws {
    let config = try QuantizationConfig(
      yaml: #"""
        preset: recommended
        activations: {bits: 8, scheme: asymmetric, observer: {kind: percentile, percentile: 99.9, every: 2}}
        layers:                           # later rules win
          - match: first
            quantize: false
          - match: "/layer[34]\\..*/"
            weights: {bits: 4}
          - match: "backbone.*"
            trainable: false
        """#)
    var expected = QuantizationConfig.recommended
    expected.activations?.observer = .init(.percentile(99.9), every: 2)
    expected.layers = [
      LayerRule(.first, quantize: false),
      LayerRule(.regex(#"layer[34]\..*"#), weights: .settings(TensorSettings(bits: 4))),
      LayerRule(.glob("backbone.*"), trainable: false),
    ]
    #expect(config == expected)
  }

  static let configs: [QuantizationConfig] = [
    .recommended, .default, .mobileOptimized, .int4Aggressive,
    QuantizationConfig(
      weights: nil,
      activations: TensorQuantization(
        bits: 16, scheme: .symmetric, signed: false, granularity: .perGroup(blockSize: 32),
        observer: .init(.movingAverage(momentum: 0.015625), every: 3), powerOfTwo: true, ste: .plain
      ),
      quantizeBias: false, warmupBatches: 0, quantizationDelay: 7, observerFreeze: .step(5),
      batchNormFreeze: .epoch(2),
      stages: [
        BitStage(.step(0), bits: 8), BitStage(.epoch(1), weights: 2, activations: 4),
      ],
      layers: [
        LayerRule(
          .name("learned"),
          weights: .settings(
            TensorSettings(
              quantizer: QuantizerSettings(
                kind: .lsq, learningRateFactor: 0.5, weightDecay: 0.25, clip: 2))),
          activations: .settings(TensorSettings(quantizer: QuantizerSettings(kind: .pact)))),
        LayerRule(.last, trainable: true, weights: .float, quantizeBias: true),
        LayerRule(.range(LayerRange(.position(1), .fromEnd(0))), quantize: true),
        LayerRule(
          .range(LayerRange(.position(0), .fromEnd(2), includesUpper: true)), quantize: true),
        LayerRule(
          .op("Gemm"),
          activations: .settings(
            TensorSettings(
              scheme: .symmetric, narrow: true, granularity: .perTensor,
              observer: ObserverSettings(kind: .entropy, every: 5)))),
        LayerRule(.name("/model/conv1/Conv"), quantize: false),
        LayerRule(.name("first"), quantize: false), LayerRule(.name("a*b"), quantize: false),
        LayerRule(.name("/x/"), quantize: false), LayerRule(.name("true"), quantize: false),
        LayerRule(.name("op: x"), quantize: false), LayerRule(.name("1..<3"), quantize: false),
        LayerRule(.name("12"), quantize: false),
        LayerRule(.name("ü \"q\" \\ \u{1} #: {"), quantize: false),
        LayerRule(.glob("plain"), quantize: false),
        LayerRule(.glob("conv[!a-c]?"), quantize: false),
        LayerRule(.regex(#"a\.b/c"#), quantize: false), LayerRule(.op("Conv"), trainable: false),
      ]),
  ]

  @Test("read back as they were written", arguments: configs)
  func roundTrip(config: QuantizationConfig) throws {
    let read = try QuantizationConfig(yaml: config.yaml)
    #expect(read == config)
    #expect(read.yaml == config.yaml)
    #expect(read.layers == config.layers)
  }

  @Test("give a schedule whose text reads back")
  func schedule() throws {
    let config = try QuantizationConfig(
      yaml: """
        quantizationDelay: 200
        freezeObservers: 500
        freezeBatchNorm: {epoch: 2}
        stages:
          - bits: 8
          - {epoch: 1, bits: 4}
          - {step: 900, weights: 2, activations: 3}
        """)
    let text = "delay=200 observers=500 batchnorm=epoch:2 bits=w8a8@0,w4a4@epoch:1,w2a3@900"
    #expect(config.schedule.description == text)
    #expect(try QuantizationSchedule(text) == config.schedule)
    #expect(QuantizationConfig.recommended.schedule.description.isEmpty)
    for wrong in ["delay=-1", "delay", "bits=w2", "bits=w2a2@x", "observers=epoch:-1", "speed=3"] {
      #expect(throws: Diagnostic.self, "\(wrong)") { try QuantizationSchedule(wrong) }
    }
  }

  @Test("bring PACT's decay, and take back what is learned")
  func quantizers() throws {
    let config = try QuantizationConfig(
      yaml: """
        activations: {quantizer: pact}
        weights: {quantizer: {kind: lsq, clip: 1}}
        layers: [{match: a, activations: {quantizer: observer}, weights: {quantizer: {clip: 2}}}]
        """)
    #expect(config.activations?.quantizer == .pact)
    #expect(config.activations?.quantizer.weightDecay == 0.0005)
    let layer = try config.resolve(layers: [.init(name: "a", opType: "Conv", index: 0)])[0]
    #expect(layer.activations?.quantizer == .observer)
    #expect(layer.weights?.quantizer == QuantizerConfig(.lsq, clip: 2))
  }

  @Test("say everything in the canonical form")
  func canonical() {
    var config = QuantizationConfig.recommended
    config.layers = [LayerRule(.first, quantize: false)]
    #expect(
      config.yaml == """
        weights: {bits: 8, scheme: symmetric, narrow: true, signed: true, granularity: per-channel, \
        quantizer: observer, observer: {kind: minmax, every: 1}, scale: any, ste: clipped}
        activations: {bits: 8, scheme: asymmetric, narrow: false, signed: false, \
        granularity: per-tensor, quantizer: observer, \
        observer: {kind: moving-average, momentum: 0.1, every: 1}, scale: any, ste: clipped}
        bias: {quantize: true}
        warmupBatches: 100
        quantizationDelay: 0
        layers:
          - match: first
            quantize: false

        """)
  }

  @Test(
    "that say nothing are the recommended one",
    arguments: ["", "# nothing\n", "preset: recommended"])
  func empty(yaml: String) throws { #expect(try QuantizationConfig(yaml: yaml) == .recommended) }

  @Test("bring what goes with a changed scheme or observer")
  func consequences() throws {
    let symmetric = try QuantizationConfig(yaml: "activations: {scheme: symmetric}")
    #expect(try symmetric.activations?.grid.description == "i8")
    let asymmetric = try QuantizationConfig(yaml: "weights: {scheme: asymmetric}")
    #expect(try asymmetric.weights?.grid.description == "i8")
    let observer = try QuantizationConfig(yaml: "activations: {observer: percentile}")
    #expect(observer.activations?.observer == .percentile)
    let restored = try QuantizationConfig(yaml: "preset: int4-aggressive\nactivations: {bits: 8}")
    #expect(restored.activations == QuantizationConfig.recommended.activations)
    #expect(try QuantizationConfig(yaml: "activations: float").activations == nil)
  }

  @Test(
    "that are wrong say where and what to do",
    arguments: [
      ("wieghts: {bits: 4}", "unknown-name", "c.yaml:1:1", "did you mean 'weights'?"),
      ("weights:\n  bit: 4", "unknown-name", "c.yaml:2:3", "did you mean 'bits'?"),
      ("weights: {bits: 9}", "configuration", "c.yaml:1:10", "use 2 to 8, or 16"),
      ("weights: {bits: four}", "syntax", "c.yaml:1:17", "as in 8"),
      (
        "weights: {narrow: true, scheme: asymmetric}", "configuration", "c.yaml:1:10",
        "narrow serves symmetric grids"
      ),
      ("weights: {narrow: 1}", "syntax", "c.yaml:1:19", "write true or false"),
      (
        "activations: {observer: {kind: minmax, percentile: 99}}", "configuration", "c.yaml:1:14",
        "set kind: percentile, or leave percentile out"
      ),
      (
        "activations: {observer: {percentile: 99}}", "configuration", "c.yaml:1:14",
        "set kind: percentile, or leave percentile out"
      ),
      (
        "activations: {observer: {kind: percentil}}", "unknown-name", "c.yaml:1:32",
        "did you mean 'percentile'?"
      ),
      (
        "activations: {observer: {momentum: 2}}", "configuration", "c.yaml:1:14",
        "it is the weight of the new batch, as in 0.1"
      ),
      ("weights: {granularity: per-group}", "syntax", "c.yaml:1:24", "as in {per-group: 32}"),
      (
        "weights: {granularity: per-chanel}", "unknown-name", "c.yaml:1:24",
        "did you mean 'per-channel'?"
      ),
      (
        "weights: {granularity: {per-group: 0}}", "configuration", "c.yaml:1:10",
        "as in granularity: {per-group: 32}"
      ),
      ("preset: recomended", "unknown-name", "c.yaml:1:9", "did you mean 'recommended'?"),
      ("warmupBatches: -1", "configuration", "c.yaml:1:16", "use 0 or more"),
      ("weights: int8", "syntax", "c.yaml:1:10", "write float, or {bits: 8, …}"),
      (
        "- a", "syntax", "c.yaml:1:1",
        "the keys are preset, weights, activations, bias, warmupBatches, quantizationDelay, "
          + "freezeObservers, freezeBatchNorm, stages, layers"
      ),
      ("layers: {match: first}", "syntax", "c.yaml:1:9", "start each entry with '- '"),
      ("weights: {quantizer: lqs}", "unknown-name", "c.yaml:1:22", "did you mean 'lsq' or 'lsq+'?"),
      (
        "weights: {quantizer: {clip: 1}}", "configuration", "c.yaml:1:10",
        "set kind: lsq, lsq+ or pact, or leave clip out"
      ),
      (
        "weights: {quantizer: lsq+}", "configuration", "c.yaml:1:10",
        "set scheme: asymmetric, or lsq"
      ),
      ("weights: {quantizer: lsq, ste: plain}", "configuration", "c.yaml:1:10", "leave ste out"),
      ("stages: [{bits: 9}]", "configuration", "c.yaml: stages", "use 2 to 8, or 16"),
      (
        "stages: [{bits: 4}, {step: 0, bits: 2}]", "configuration", "c.yaml: stages",
        "write stages in the order they begin"
      ),
      ("freezeObservers: {epoch: 1, step: 2}", "configuration", "c.yaml:1:18", "keep one of them"),
      (
        "layers:\n  - quantize: false", "configuration", "c.yaml:2:5",
        "as in match: first, or match: \"conv*\""
      ),
      (
        "layers:\n  - match: first", "configuration", "c.yaml:2:5",
        "set quantize, trainable, weights, activations or bias"
      ),
      (
        "layers:\n  - match: first\n    quantize: false\n    weights: {bits: 4}", "configuration",
        "c.yaml:2:5", "leave one of them out, or write two rules"
      ),
      (
        "layers:\n  - {match: first, weights: {bits: 9}}", "configuration", "c.yaml:2:5: weights",
        "use 2 to 8, or 16"
      ),
      (
        "layers:\n  - {match: \"/a(/\", quantize: false}", "syntax", "c.yaml:2:13",
        "in YAML, double quotes need \\\\ for one backslash; single quotes do not"
      ),
      (
        "layers:\n  - {match: 1..<x, quantize: false}", "syntax", "c.yaml:2:13",
        "as in 1..<n, 0...3 or 2..<n-1"
      ),
      (
        "layers:\n- {match: a, weights: {bits: 4}}\n- {match: a, weights: {bits: 8}}",
        "configuration", "c.yaml:3:3", "keep one of them"
      ),
      ("bias: {quantize: maybe}", "syntax", "c.yaml:1:18", "write true or false"),
      (
        "weights: {bits: 8\nlayers: [", "syntax", "c.yaml:2:7",
        "check the indentation and the quotes"
      ),
      ("weights: {}\nweights: {}", "syntax", "c.yaml:2:1", "keep one of them"),
      ("weights: *w", "syntax", "c.yaml:1:10", "check the indentation and the quotes"),
      ("stages: &s [*s]", "syntax", "c.yaml:1:13", "check the indentation and the quotes"),
      ("bias: {}\n---\nbias: {}", "syntax", "c.yaml:2:1", "check the indentation and the quotes"),
    ])
  func mistakes(yaml: String, code: String, place: String, hint: String) {
    let error = #expect(throws: Diagnostic.self) {
      try QuantizationConfig(yaml: yaml, file: "c.yaml")
    }
    #expect(error?.code.rawValue == code)
    #expect(error?.place == place)
    #expect(error?.hint == hint)
  }

  @Test("nested thousands deep are refused, not followed")
  func nesting() {
    for text in [String(repeating: "[", count: 100_000), String(repeating: "- ", count: 100_000)] {
      #expect(throws: Diagnostic.self) { try QuantizationConfig(yaml: text) }
    }
  }

  @Test("may be empty")
  func empty() throws {
    for text in ["", "\n", "# nothing\n"] {
      #expect(try QuantizationConfig(yaml: text) == .recommended)
    }
  }

  @Test("name a value once and mean it again, however often")
  func aliases() throws {
    let config = try QuantizationConfig(
      yaml: "weights: &four {bits: 4}\nactivations: *four\nbias: &b {quantize: false}")
    #expect(config.weights?.bits == 4)
    #expect(config.activations?.bits == 4)
    // Ten to the power of twenty values, if each were followed.
    let lines = (1...20).map {
      "a\($0): &a\($0) [\(repeatElement("*a\($0 - 1)", count: 10).joined(separator: ","))]"
    }
    let error = #expect(throws: Diagnostic.self) {
      try QuantizationConfig(yaml: "a0: &a0 x\n" + lines.joined(separator: "\n"), file: "c.yaml")
    }
    #expect(error?.code == .unknownName)
  }

  @Test("come from files, and missing files are said")
  func files() throws {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "qat-\(UUID().uuidString).yaml").path
    #expect(throws: Diagnostic.self) { try QuantizationConfig(contentsOf: path) }
    try Data("weights: {bits: 3}".utf8).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(try QuantizationConfig(contentsOf: path).weights?.bits == 3)
    try Data([0xff, 0xfe, 0]).write(to: URL(filePath: path))
    #expect(throws: Diagnostic.self) { try QuantizationConfig(contentsOf: path) }
  }
}
