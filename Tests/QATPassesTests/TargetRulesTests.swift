import QATConfig
import QATCore
import QATIR
import QATPasses
import QATRewrite
import Testing

@Suite("What the target can't take")
struct TargetRulesTests {
  private func apply(_ yaml: String) throws {
    var graph = try Sample.graph("mlp"), context = PassContext()
    context[QuantizationConfig.self] = try QuantizationConfig(yaml: yaml, file: "c.yaml")
    try Pipeline("canonicalize,apply-layer-config", registry: .builtin).run(on: &graph, &context)
  }

  @Test("is refused by the rule and the line that ask for it")
  func refused() throws {
    let signs = #expect(throws: Diagnostic.self) {
      try apply(
        """
        layers:
          - match: "*"
            trainable: false
          - match: first
            activations: {scheme: symmetric}
          - match: first
            weights: {signed: false}
        """)
    }
    #expect(signs?.code == .unsupported && signs?.hint != nil)
    #expect(
      signs?.place?.contains("c.yaml:6:5: rule 3 {match: first, weights: {signed: false}}: layer '")
        == true)
    let channels = #expect(throws: Diagnostic.self) {
      try apply("layers:\n  - match: last\n    activations: {granularity: per-channel}\n")
    }
    #expect(channels?.place?.contains("c.yaml:2:5: rule 1") == true)
    #expect(channels?.place?.hasSuffix("activations.granularity") == true)
    // Of the whole configuration, not of a rule.
    let whole = #expect(throws: Diagnostic.self) {
      try apply("activations: {granularity: per-channel}\n")
    }
    #expect(whole?.place?.contains("rule") == false && whole?.place?.contains("layer '") == true)
  }

  @Test("is not what it can")
  func accepted() throws {
    try apply("activations: {scheme: symmetric}\n")
    try apply("weights: {scheme: asymmetric, signed: false}\n")
    try apply("weights: {scheme: asymmetric}\nactivations: {scheme: symmetric}\n")
  }
}
