import QATCore
import Testing

@testable import QATConfig

@Suite("Presets")
struct PresetTests {
  @Test("are what the table says")
  func table() throws {
    let recommended = QuantizationConfig.recommended
    #expect(try recommended.weights?.grid.description == "i8n")
    #expect(recommended.weights?.granularity == .perChannel)
    #expect(try recommended.activations?.grid.description == "u8")
    #expect(recommended.activations?.scheme == .asymmetric)
    #expect(recommended.activations?.granularity == .perTensor)
    #expect(recommended.activations?.observer.kind.name == .movingAverage)
    #expect(recommended.warmupBatches == 100)

    let plain = QuantizationConfig.default
    #expect(
      try plain.weights?.grid.description == "i8" && plain.activations?.grid.description == "i8")
    #expect(plain.weights?.scheme == .symmetric && plain.weights?.granularity == .perTensor)
    #expect(plain.activations?.scheme == .symmetric && plain.warmupBatches == 100)

    let mobile = QuantizationConfig.mobileOptimized
    #expect(mobile.weights?.scheme == .asymmetric && mobile.weights?.granularity == .perChannel)
    #expect(mobile.activations?.scheme == .asymmetric && mobile.warmupBatches == 200)

    let small = QuantizationConfig.int4Aggressive
    #expect(try small.weights?.grid.description == "i4" && small.activations == nil)
    #expect(small.weights?.observer == .percentile && small.warmupBatches == 500)
  }

  @Test("hold no contradiction and go by name", arguments: QuantizationConfig.Preset.allCases)
  func names(preset: QuantizationConfig.Preset) throws {
    let config = try QuantizationConfig(presetNamed: preset.rawValue)
    try config.validate()
    #expect(config == QuantizationConfig(preset))
  }

  @Test("offer a near name for an unknown one")
  func unknownName() {
    let error = #expect(throws: Diagnostic.self) {
      try QuantizationConfig(presetNamed: "mobile-optimised")
    }
    #expect(error?.code == .unknownName)
    #expect(error?.hint == "did you mean 'mobile-optimized'?")
  }

  @Test("become every grid of 2 to 8 and 16 bits", arguments: Array(2...8) + [16])
  func grids(bits: Int) throws {
    for (signed, narrow) in [(true, false), (true, true), (false, false)] {
      let tensor = TensorQuantization(bits: bits, narrow: narrow, signed: signed)
      #expect(try tensor.grid == IntegerGrid(bits: bits, signed: signed, narrow: narrow))
    }
    #expect(throws: Diagnostic.self) { try TensorQuantization(bits: 9).grid }
  }
}
