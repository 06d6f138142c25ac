import QATCore
import Testing

@testable import QATConfig

@Suite("Resolving rules")
struct ResolveTests {
  static let layers: [LayerDescription] = [
    .init(name: "backbone.conv1", opType: "Conv", index: 0),
    .init(name: "backbone.bn1", opType: "BatchNormalization", index: nil),
    .init(name: "layer3.conv", opType: "Conv", index: 1),
    .init(name: "layer4.conv", opType: "Conv", index: 2),
    .init(name: "head[0]", opType: "Gemm", index: 3),
  ]

  private func resolve(_ rules: LayerRule...) throws -> [ResolvedLayer] {
    var config = QuantizationConfig.recommended
    config.layers = rules
    return try config.resolve(layers: Self.layers)
  }

  @Test(
    "select the layers that the text says",
    arguments: [
      ("first", [0]), ("last", [4]), ("1..<n", [2, 3, 4]), ("0...1", [0, 2]), ("1..<n-1", [2, 3]),
      ("layer3.conv", [2]), ("layer*", [2, 3]), ("*.conv?", [0]), ("layer[4-9].conv", [3]),
      ("layer[!3].conv", [3]), ("head[0]", [4]), (#"/layer[34]\..*/"#, [2, 3]),
      ("op: Conv", [0, 2, 3]),
      ("op:Gemm", [4]), ("*", [0, 1, 2, 3, 4]), ("backbone.*", [0, 1]), ("2...9", [3, 4]),
    ] as [(String, [Int])])
  func selectors(text: String, expected: [Int]) throws {
    let resolved = try resolve(LayerRule(try LayerSelector(text), quantize: true, trainable: false))
    #expect(resolved.indices.filter { !resolved[$0].trainable } == expected)
  }

  @Test(
    "refuse a rule that matches nothing, with what is near",
    arguments: [
      ("layer3.cnov", "did you mean 'layer3.conv' or 'layer4.conv'?"),
      ("op: Gem", "did you mean 'Gemm'?"),
      ("7..<n", "the model has 4 quantizable layers, counted from 0"),
      ("zzz*", "the layers are backbone.conv1, backbone.bn1, layer3.conv, layer4.conv, head[0]"),
      (
        "/layer/",
        "the expression must match a whole name, as in /.*layer.*/; names: backbone.conv1, "
          + "backbone.bn1, layer3.conv, layer4.conv, head[0]"
      ),
    ])
  func noMatch(text: String, hint: String) throws {
    let rule = LayerRule(try LayerSelector(text), quantize: false)
    let error = #expect(throws: Diagnostic.self) { try resolve(rule) }
    #expect(error?.code == .configuration)
    #expect(error?.hint == hint)
    #expect(error?.place == "rule 1 \(rule)")
  }

  @Test("let later rules win, setting by setting, and say which decided")
  func laterWins() throws {
    let four = LayerRule(.op("Conv"), weights: .settings(TensorSettings(bits: 4, ste: .plain)))
    let two = LayerRule(.name("layer3.conv"), weights: .settings(TensorSettings(bits: 2)))
    let resolved = try resolve(four, two)
    #expect(resolved.map { $0.weights?.bits } == [4, nil, 2, 4, 8])
    #expect(resolved[2].weights?.ste == .plain)
    #expect(resolved[2].rules.map(\.index) == [0, 1])
    #expect(resolved[2].origins["weights.bits"]?.index == 1)
    #expect(resolved[2].origins["weights.ste"]?.index == 0)
    #expect(resolved[2].origins["activations.bits"] == nil)
    #expect(resolved[2].rules[1].text == "{match: layer3.conv, weights: {bits: 2}}")
    #expect(resolved[4].rules.isEmpty)
  }

  @Test("leave layers in float, and take that back")
  func float() throws {
    let off = LayerRule(.glob("*"), quantize: false)
    let on = LayerRule(.last, quantize: true)
    let weightsOnly = LayerRule(.last, activations: .float)
    let resolved = try resolve(off, on, weightsOnly)
    #expect(resolved.map(\.isQuantized) == [false, false, false, false, true])
    #expect(resolved[4].weights != nil && resolved[4].activations == nil)
    #expect(!resolved[4].quantizeBias)
    #expect(resolved[4].origins["quantize"]?.index == 1)
  }

  @Test("start from the recommended settings where the configuration has float")
  func fromFloat() throws {
    var config = QuantizationConfig.int4Aggressive
    config.layers = [LayerRule(.first, activations: .settings(TensorSettings(bits: 6)))]
    let resolved = try config.resolve(layers: Self.layers)
    #expect(try resolved[0].activations?.grid.description == "u6")
    #expect(resolved[2].activations == nil)
  }

  @Test("refuse rules that contradict themselves, another or their base")
  func contradictions() throws {
    let bits4 = LayerRule(.last, weights: .settings(TensorSettings(bits: 4)))
    let bits8 = LayerRule(.last, weights: .settings(TensorSettings(bits: 8)))
    #expect(throws: Diagnostic.self) { try resolve(bits4, bits8) }
    #expect(throws: Diagnostic.self) {
      try resolve(LayerRule(.last, quantize: false, activations: .float))
    }
    let narrow = LayerRule(.last, activations: .settings(TensorSettings(narrow: true)))
    let error = #expect(throws: Diagnostic.self) { try resolve(narrow) }
    #expect(error?.place == "rule 1 \(narrow): head[0]")
    // Only trainable has a meaning for a layer that is never quantized.
    let norm = LayerRule(.name("backbone.bn1"), quantize: false)
    #expect(throws: Diagnostic.self) { try resolve(norm) }
    #expect(try !resolve(LayerRule(.name("backbone.bn1"), trainable: false))[1].trainable)
  }

  @Test("refuse a rule that a wider one behind it undoes, and name both")
  func undone() throws {
    func bits(_ text: String, _ bits: Int) throws -> LayerRule {
      LayerRule(try LayerSelector(text), weights: .settings(TensorSettings(bits: bits)))
    }
    // The narrow rule first: it would say nothing.
    for (narrow, wide) in [
      ("layer3.conv", "layer*"), ("first", "0..<2"), ("last", "*"), ("head*", "op: Gemm"),
      ("layer3*", "layer*"), ("layer3.conv", "/layer.*/"), ("0..<2", "0..<3"),
      ("op: Conv", "*"), ("backbone.conv1", "first"),
    ] {
      let error = #expect(throws: Diagnostic.self) { try resolve(bits(narrow, 4), bits(wide, 8)) }
      #expect(error?.code == .configuration)
      #expect(
        error?.message.contains("rule 1") == true && error?.message.contains("rule 2") == true)
      #expect(error?.message.contains("weights.bits: 4") == true)
      // The other way round is what rules are for, and so is saying the same thing twice.
      #expect(throws: Never.self) { try resolve(bits(wide, 8), bits(narrow, 4)) }
      #expect(throws: Never.self) { try resolve(bits(narrow, 4), bits(wide, 4)) }
    }
    // Part of the layers keep what the first rule said; or the rules are about different settings.
    #expect(throws: Never.self) { try resolve(bits("layer*", 4), bits("*4.conv", 8)) }
    #expect(throws: Never.self) {
      try resolve(LayerRule(.first, quantize: false), bits("*", 4))
    }
    // A whole kind set to float undoes a part of it.
    let float = LayerRule(.glob("*"), weights: .float)
    #expect(throws: Diagnostic.self) { try resolve(bits("first", 4), float) }
    // The message says where both stand in the file.
    let config = try QuantizationConfig(
      yaml: """
        layers:
          - match: layer3.conv
            weights: {bits: 4}
          - match: "layer*"
            weights: {bits: 8}
        """, file: "c.yaml")
    let error = #expect(throws: Diagnostic.self) { try config.resolve(layers: Self.layers) }
    #expect(error?.place == "c.yaml:4:5" && error?.message.contains("c.yaml:2:5") == true)
  }

  @Test("refuse weights for layers that have none, and name those that do")
  func noWeights() throws {
    var layers = Self.layers
    layers.append(LayerDescription(name: "relu", opType: "Relu", index: nil, isQuantizable: true))
    var config = QuantizationConfig.recommended
    config.layers = [LayerRule(.op("Relu"), weights: .settings(TensorSettings(bits: 4)))]
    let error = #expect(throws: Diagnostic.self) { try config.resolve(layers: layers) }
    #expect(
      error?.message == "the rule sets weights, and matches only layers without: \"op: Relu\"")
    #expect(error?.hint?.contains("layer3.conv") == true)
    config.layers = [LayerRule(.op("Relu"), activations: .settings(TensorSettings(bits: 4)))]
    #expect(throws: Never.self) { try config.resolve(layers: layers) }
  }

  @Test("know the last rule that decided a setting or a part of it")
  func origins() throws {
    let eight = LayerRule(.glob("*"), weights: .settings(TensorSettings(bits: 6, ste: .plain)))
    let four = LayerRule(.name("layer3.conv"), weights: .settings(TensorSettings(bits: 4)))
    let layer = try resolve(eight, four)[2]
    #expect(layer.origin(of: "weights")?.index == 1)
    #expect(layer.origin(of: "weights.ste")?.index == 0)
    #expect(layer.origin(of: "activations", "bias") == nil)
  }

  @Test("match globs as a shell does")
  func globs() {
    func matches(_ glob: String, _ name: String) -> Bool {
      globMatches(Array(glob)[...], Array(name)[...])
    }
    #expect(matches("", "") && !matches("", "a") && matches("*", "") && matches("**a", "bca"))
    #expect(matches("a*b*c", "a__b__c") && !matches("a*b*c", "a__c"))
    #expect(
      matches("[]a]", "]") && matches("[a-]", "-") && !matches("[a", "a") && matches("[a", "[a"))
    // Backtracking over one star only: linear, not exponential.
    let long = String(repeating: "a", count: 2000)
    #expect(!matches(String(repeating: "*a", count: 30) + "b", long))
  }
}
