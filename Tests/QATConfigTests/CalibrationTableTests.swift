import QATConfig
import QATCore
import Testing

@Suite("A table of ranges")
struct CalibrationTableTests {
  private static let table = CalibrationTable(ranges: [
    "image": .init(
      min: -0.424_212_96, max: 2.821_486_7, observer: .movingAverage, bits: 8, batches: 32),
    "conv 1/relu: out": .init(min: 0, max: 1e-7, observer: .percentile, bits: 4, batches: 1),
    "true": .init(min: -.greatestFiniteMagnitude, max: 3, observer: .entropy, bits: 2, batches: 0),
  ])

  @Test("reads back as it was written, bit for bit")
  func roundTrip() throws {
    let yaml = Self.table.yaml
    #expect(yaml.contains("  image: {min: -0.42421296, max: 2.8214867, observer: moving-average,"))
    #expect(try CalibrationTable(yaml: yaml) == Self.table)
    let empty = CalibrationTable(ranges: [:])
    #expect(try CalibrationTable(yaml: empty.yaml) == empty)
  }

  @Test("needs no more than the ends of a range")
  func short() throws {
    let table = try CalibrationTable(yaml: "ranges: {x: {min: -1, max: 2.5}}")
    #expect(table.ranges["x"]?.min == -1 && table.ranges["x"]?.max == 2.5)
  }

  @Test(
    "says where a mistake is",
    arguments: [
      ("", "syntax", "c.yaml", "--save-calibration"),
      ("range: {}", "unknown-name", "c.yaml:1:1", "did you mean 'ranges'?"),
      ("ranges: 3", "syntax", "c.yaml:1:9", "NAME"),
      ("ranges:\n  x: {min: 1}", "syntax", "c.yaml:2:6", "{min: -1.0, max: 1.0}"),
      ("ranges:\n  x: {min: 1, max: nan}", "syntax", "c.yaml:2:20", "0.1"),
      ("ranges:\n  x: {min: 1, max: 0.5}", "invalid-data", "c.yaml:2:6", "exchange"),
      (
        "ranges:\n  x: {min: 1, max: 2, observer: percentil}", "unknown-name", "c.yaml:2:33",
        "did you mean 'percentile'?"
      ),
      ("ranges:\n  x: {min: 1, max: 2, bits: 1}", "invalid-data", "c.yaml:2:6", "bits: 8"),
      ("ranges:\n  x: {min: 1, maxi: 2}", "unknown-name", "c.yaml:2:15", "did you mean 'max'"),
    ])
  func mistakes(_ yaml: String, _ code: String, _ place: String, _ hint: String) {
    let error = #expect(throws: Diagnostic.self) {
      try CalibrationTable(yaml: yaml, file: "c.yaml")
    }
    #expect(error?.code.rawValue == code && error?.place == place, "\(error as Any)")
    #expect(error?.hint?.contains(hint) == true, "\(error as Any)")
  }

  @Test("does not fit a model with other values")
  func fit() throws {
    let table = try CalibrationTable(
      yaml: "ranges:\n  conv1: {min: 0, max: 1}\n  fc: {min: 0, max: 1}", file: "c.yaml")
    try table.check(against: ["fc", "conv1"])
    let strange = #expect(throws: Diagnostic.self) { try table.check(against: ["conv2", "fc"]) }
    #expect(strange?.code == .unknownName && strange?.place == "c.yaml:2:10")
    #expect(strange?.hint == "did you mean 'conv2'?")
    let missing = #expect(throws: Diagnostic.self) {
      try table.check(against: ["fc", "conv1", "pool"])
    }
    #expect(missing?.code == .invalidData && missing?.message == "there is no range for 'pool'")
    let file = #expect(throws: Diagnostic.self) {
      try CalibrationTable(contentsOf: "/nowhere/c.yaml")
    }
    #expect(file?.code == .io)
  }
}

@Suite("The form of scales")
struct ScaleFormTests {
  @Test("is a word") func words() throws {
    let config = try QuantizationConfig(
      yaml: "weights: {scale: power-of-two}\nactivations: {scale: any}")
    #expect(config.weights?.powerOfTwo == true && config.activations?.powerOfTwo == false)
    let error = #expect(throws: Diagnostic.self) {
      try QuantizationConfig(yaml: "weights: {scale: power-of-tow}")
    }
    #expect(error?.hint == "did you mean 'power-of-two'?")
  }

  @Test("and entropy is refused at 16 bits") func entropy() {
    let error = #expect(throws: Diagnostic.self) {
      try QuantizationConfig(yaml: "activations: {bits: 16, observer: entropy}")
    }
    #expect(error?.code == .configuration)
  }
}
