import QAT
import Testing

/// The five observers on the values of a trained net, against the sorted values themselves.
@Suite("Observers")
struct ObserversTests {
  private static let rule = RangeToParameters(grid: .uint8, scheme: .asymmetric)
  private static let value = "conv2.norm"

  /// Six batches of images, and the values of a batch-norm in each of them.
  private static let seen = Result {
    () throws -> (batches: [[String: AnyTensor]], values: [AnyTensor]) in
    let graph = try Digits.trained.get()
    let data = try Digits.load(.test, limit: 192).bound(to: graph.modelFields)
    let batches = try (0..<6).map { batch in
      try data.batch(Array(batch * 32..<(batch + 1) * 32)).inputs
    }
    return (batches, try batches.map { try IntegrationTests.value(value, of: graph, $0) })
  }

  private func range(_ observer: some Observer) throws -> ClosedRange<Float> {
    let (batches, _) = try Self.seen.get()
    var calibrator = try Calibrator(Digits.trained.get(), observers: [Self.value: observer])
    for batch in batches { try calibrator.observe(batch) }
    return try #require(calibrator.ranges[Self.value]?.first)
  }

  private func all() throws -> [Float] { try Self.seen.get().values.flatMap(\.floats).sorted() }

  @Test("min-max holds all there was") func minMax() throws {
    let values = try all(), range = try range(MinMaxObserver())
    #expect(range.lowerBound == values.first && range.upperBound == values.last)
  }

  @Test("moving average follows the batches' ends") func movingAverage() throws {
    let range = try range(MovingAverageObserver(momentum: 0.3))
    var low: Double?, high: Double?
    for values in try Self.seen.get().values.map(\.floats) {
      let (a, b) = (Double(values.min() ?? 0), Double(values.max() ?? 0))
      low = low.map { $0 + 0.3 * (a - $0) } ?? a
      high = high.map { $0 + 0.3 * (b - $0) } ?? b
    }
    #expect(abs(Double(range.lowerBound) - (low ?? 0)) < 1e-5)
    #expect(abs(Double(range.upperBound) - (high ?? 0)) < 1e-5)
  }

  @Test("percentile leaves out as many at each end", arguments: [99.9, 99, 90] as [Float])
  func percentile(_ share: Float) throws {
    let values = try all(), range = try range(PercentileObserver(share))
    let dropped = Int(Double(values.count) * (100 - Double(share.description)!) / 200 + 1e-6)
    #expect(dropped > 0)
    // A bin is at most 1/1024 of the largest magnitude, and bins round outward.
    let bin = max(abs(values[0]), abs(values[values.count - 1])) / 1024
    let (low, high) = (values[dropped], values[values.count - 1 - dropped])
    #expect(range.lowerBound <= low && range.lowerBound >= low - bin)
    #expect(range.upperBound >= high && range.upperBound <= high + bin)
  }

  @Test("histogram finds the range with the least squared error") func histogram() throws {
    let rule = RangeToParameters(
      grid: try IntegerGrid(bits: 4, signed: false), scheme: .asymmetric)
    // An eighth of the values: each candidate looks at all of them.
    let every = try all(), values = stride(from: 0, to: every.count, by: 8).map { every[$0] }
    func error(_ low: Float, _ high: Float) -> Double {
      let grid = ReferenceGrid.asymmetric(low: 0, high: 15, min: low, max: high)
      return values.reduce(0) { $0 + Double($1 - grid.value($1)) * Double($1 - grid.value($1)) }
    }
    var observer = HistogramObserver(for: rule)
    try observer.observe(AnyTensor(shape: [values.count], values))
    let range = observer.ranges[0]
    let found = error(range.lowerBound, range.upperBound)
    var best = Double.infinity
    for a in stride(from: 0.1, through: 1, by: 0.1) as StrideThrough<Float> {
      for b in stride(from: 0.1, through: 1, by: 0.05) as StrideThrough<Float> {
        best = min(best, error(a * values[0], b * values[values.count - 1]))
      }
    }
    // Bins stand for their middles: a hundredth, not more.
    #expect(found <= 1.01 * best, "\(found), brute force \(best)")
    #expect(found < 0.9 * error(values[0], values[values.count - 1]))
  }

  @Test("entropy leaves out a far value that codes would be lost for") func entropy() throws {
    var observer = try EntropyObserver(for: Self.rule)
    let values = try all(), largest = values[values.count - 1]
    try observer.observe(AnyTensor(shape: [values.count], values))
    let plain = observer.ranges[0]
    #expect(plain.lowerBound >= values[0] && plain.upperBound <= largest)
    let inside = values.filter { plain.contains($0) }.count
    #expect(Double(inside) > 0.98 * Double(values.count))
    try observer.observe(AnyTensor(shape: [1], [4 * largest] as [Float]))
    #expect(observer.ranges[0].upperBound < 2 * largest)
    #expect(throws: Diagnostic.self) {
      try EntropyObserver(
        for: RangeToParameters(
          grid: IntegerGrid(bits: 16, signed: true), scheme: .symmetric))
    }
  }

  private static func five(every: Int = 1, axis: Int? = nil) throws -> [any OperationObserver] {
    [
      MinMaxObserver(axis: axis, every: every),
      MovingAverageObserver(momentum: 0.5, axis: axis, every: every),
      PercentileObserver(99, axis: axis, every: every),
      HistogramObserver(for: rule, axis: axis, every: every),
      try EntropyObserver(for: rule, axis: axis, every: every),
    ]
  }

  @Test("all look at every n-th batch, from the first") func every() throws {
    let values = try Self.seen.get().values
    for (skipping, whole) in zip(try Self.five(every: 2), try Self.five()) {
      var skipping = skipping, whole = whole
      for (index, batch) in values.enumerated() {
        try skipping.observe(batch)
        if index % 2 == 0 { try whole.observe(batch) }
      }
      #expect(skipping.ranges == whole.ranges && skipping.batches == 6)
    }
  }

  @Test("all start anew after a reset, and keep as much memory as after one batch")
  func resetAndMemory() throws {
    let values = try Self.seen.get().values
    for observer in try Self.five() {
      var observer = observer, fresh = observer
      try observer.observe(values[0])
      let bytes = try #require(observer.state?.byteCount)
      for batch in values { try observer.observe(batch) }
      #expect(observer.state?.byteCount == bytes)
      observer.reset()
      #expect(observer.ranges.isEmpty && observer.batches == 0)
      try observer.observe(values[1])
      try fresh.observe(values[1])
      #expect(observer.ranges == fresh.ranges)
    }
  }

  @Test("all have a range for each channel") func channels() throws {
    // Four of the channels, of 49 pixels each.
    let all = try Self.seen.get().values[0].floats
    let elements = all.indices.filter { $0 / 49 % 16 < 4 }.map { all[$0] }
    let values = AnyTensor(shape: [32, 4, 49], elements)
    for (perChannel, single) in zip(try Self.five(axis: 1), try Self.five()) {
      var perChannel = perChannel
      try perChannel.observe(values)
      let ranges = perChannel.ranges
      #expect(ranges.count == 4)
      for channel in 0..<4 {
        var single = single
        let part = elements.indices.filter { $0 / 49 % 4 == channel }.map { elements[$0] }
        try single.observe(AnyTensor(shape: [part.count], part))
        #expect(single.ranges == [ranges[channel]])
      }
    }
  }

  /// The mean of the batches' largest magnitudes.
  private struct MeanMagnitude: Observer {
    private var sum: Float = 0
    private(set) var batches = 0
    var ranges: [ClosedRange<Float>] {
      batches == 0 ? [] : [-sum / Float(batches)...sum / Float(batches)]
    }
    mutating func observe(_ tensor: AnyTensor) throws(Diagnostic) {
      sum += tensor.floats.map(abs).max() ?? 0
      batches += 1
    }
    mutating func reset() { self = Self() }
  }

  @Test("may be a program's own") func own() throws {
    let magnitudes = try Self.seen.get().values.map { $0.floats.map(abs).max() ?? 0 }
    let range = try range(MeanMagnitude())
    #expect(range.upperBound == magnitudes.reduce(0, +) / 6)
    var observer = MeanMagnitude()
    try observer.observe(Self.seen.get().values[0])
    // 127 steps for the magnitude.
    let rule = RangeToParameters(grid: .int8, scheme: .symmetric)
    #expect(observer.parameters(rule)[0].scale == magnitudes[0] / 127)
  }

  @Test("refuse NaN by the value's name, and a value that is not there") func refusal() throws {
    let graph = try Digits.trained.get()
    var calibrator = try Calibrator(graph, observers: ["conv1": MinMaxObserver()])
    var pixels = [Float](repeating: 0, count: 784)
    pixels[100] = .nan
    let error = #expect(throws: Diagnostic.self) {
      try calibrator.observe(["image": AnyTensor(shape: [1, 1, 28, 28], pixels)])
    }
    #expect(error?.code == .invalidData && error?.description.contains("conv1") == true)
    let unknown = #expect(throws: Diagnostic.self) {
      try Calibrator(graph, observers: ["conv": MinMaxObserver()])
    }
    #expect(unknown?.hint?.contains("conv1") == true)
  }

  @Test("set the ranges of a model by its configuration") func configured() throws {
    let graph = try branchedNet(), batches = images(batches: 4)
    for (kind, observer) in [
      (ObserverConfig.Kind.minMax, MinMaxObserver() as any Observer),
      (.movingAverage(momentum: 0.2), MovingAverageObserver(momentum: 0.2)),
      (.percentile(98), PercentileObserver(98)),
      (.histogram, HistogramObserver(for: Self.rule)),
      (.entropy, try EntropyObserver(for: Self.rule)),
    ] {
      var config = QuantizationConfig.recommended, observer = observer
      config.activations?.observer = ObserverConfig(kind)
      var preparer = QATPreparer(config, calibration: CalibrationData(batches))
      let statistics = try QuantizationStatistics(of: preparer.prepareForQAT(graph))
      for batch in batches { try observer.observe(#require(batch["image"])) }
      let found = try statistics.quantizer(of: "image"), grid = observer.parameters(Self.rule)[0]
      #expect(found.scales == [grid.scale] && found.zeroPoints == [grid.zeroPoint], "\(kind)")
    }
  }
}
