import QATCore
import Testing

@testable import QATConfig

@Suite("Widths of layers")
struct LayerBitsTests {
  @Test("read as bits of weights, or of weights and activations")
  func widths() throws {
    #expect(try LayerWidth("4") == LayerWidth(weights: 4))
    #expect(try LayerWidth("w4a8") == LayerWidth(weights: 4, activations: 8))
    #expect(try LayerWidth("W16") == LayerWidth(weights: 16))
    #expect(try LayerWidth.list("8, w4a4+2").map(\.description) == ["8", "w4a4", "2"])
    for text in ["", "9", "1", "w", "wa", "4a4", "w4a", "w4a9", "8,,4", "8,8", "eight"] {
      let error = #expect(throws: Diagnostic.self) { try LayerWidth.list(text) }
      #expect(error?.code == .invalidOption && error?.hint != nil)
    }
  }

  @Test("become rules by name that take the place of what was said by that name")
  func rules() throws {
    let layers = ["a", "b", "first"].enumerated().map {
      LayerDescription(name: $1, opType: "Gemm", index: $0)
    }
    var config = QuantizationConfig.recommended
    config.layers = [
      LayerRule(.glob("*"), weights: .settings(TensorSettings(bits: 6))),
      LayerRule(.name("a"), weights: .settings(TensorSettings(bits: 2))),
      LayerRule(.name("b"), trainable: false, weights: .settings(TensorSettings(bits: 2))),
    ]
    config.setBits(of: "a", weights: 4, activations: nil)
    config.setBits(of: "b", weights: 8, activations: 4)
    config.leaveInFloat("first")
    #expect(
      config.layers.map(\.match) == [
        .glob("*"), .name("b"), .name("a"), .name("b"), .name("first"),
      ])
    // A second time, and through YAML: the name 'first' is no selector.
    config.setBits(of: "a", weights: 3, activations: nil)
    config = try QuantizationConfig(yaml: config.yaml)
    let resolved = try config.resolve(layers: layers)
    #expect(resolved.map { $0.weights?.bits } == [3, 8, nil])
    #expect(resolved.map { $0.activations?.bits } == [8, 4, nil])
    #expect(resolved.map(\.trainable) == [true, false, true])
    config.leaveInFloat("b")
    config.leaveInFloat("b")
    #expect(try config.resolve(layers: layers).map(\.isQuantized) == [true, false, false])
  }
}
