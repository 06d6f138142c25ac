import QAT
import Testing

/// The average by itself, in observers, and in prepared models.
@Suite("Moving average")
struct MovingAverageTests {
  private let samples: [Float] = [3, -1, 4, 1, -5, 9, 2, 6]

  /// (1 - m)ⁿ⁻¹ · x₁ + Σ m (1 - m)ⁿ⁻ⁱ · xᵢ: the recursion written out, in float64.
  private func closedForm(_ samples: [Float], _ momentum: Double) -> Double {
    var weight = 1.0, sum = 0.0
    for sample in samples.dropFirst().reversed() {
      sum += momentum * weight * Double(sample)
      weight *= 1 - momentum
    }
    return sum + weight * Double(samples[0])
  }

  @Test("is the sum of its formula", arguments: [0, 0.01, 0.1, 0.5, 0.9, 1] as [Float])
  func formula(_ momentum: Float) {
    var average = MovingAverage(momentum: momentum)
    #expect(average.value == nil)
    for count in 1...samples.count {
      let returned = average.update(samples[count - 1])
      let expected = closedForm(Array(samples[..<count]), Double(momentum))
      #expect(abs(Double(returned) - expected) < 1e-5 && average.value == returned)
    }
  }

  @Test("starts with the first number, or with the one it is given") func start() {
    var empty = MovingAverage(momentum: 0.25), given = MovingAverage(momentum: 0.25, value: 8)
    #expect(empty.update(4) == 4)
    #expect(given.update(4) == 7)
  }

  @Test("smooths: noise shrinks by m / (2 - m), a constant stays") func smoothing() {
    var random = RandomSource(seed: 3), average = MovingAverage(momentum: 0.1)
    for _ in 0..<100 { average.update(random.normal()) }
    var squares = 0.0
    let count = 50_000
    for _ in 0..<count {
      let value = Double(average.update(random.normal()))
      squares += value * value
    }
    // Neighbouring averages hang together over about 10 numbers: 5,000 free ones, a spread of 2 %.
    #expect(abs(squares / Double(count) / (0.1 / 1.9) - 1) < 0.1)
    var constant = MovingAverage(momentum: 0.3)
    for _ in 0..<20 { #expect(constant.update(2.5) == 2.5) }
  }

  @Test("comes as near to a new level as 1 - (1 - m)ⁿ") func step() {
    var average = MovingAverage(momentum: 0.2, value: 0)
    for count in 1...30 {
      let expected = 1 - (0..<count).reduce(1.0) { value, _ in value * 0.8 }
      #expect(abs(Double(average.update(1)) - expected) < 1e-6)
    }
  }

  @Test("forgets on reset") func reset() {
    var average = MovingAverage(momentum: 0.1), fresh = MovingAverage(momentum: 0.1)
    for sample in samples { average.update(sample) }
    average.reset()
    #expect(average == fresh && average.value == nil)
    #expect(average.update(-7) == fresh.update(-7))
  }

  @Test("is what an observer of that name does with both ends of the range") func observer() throws
  {
    var observer = MovingAverageObserver(momentum: 0.25)
    var low: [Float] = [], high: [Float] = []
    for seed in 0..<6 {
      let batch = tensor([40], seed, scale: Float(seed + 1))
      try observer.observe(batch)
      low.append(batch.floats.min() ?? 0)
      high.append(batch.floats.max() ?? 0)
      let range = observer.ranges[0]
      #expect(abs(Double(range.lowerBound) - closedForm(low, 0.25)) < 1e-5)
      #expect(abs(Double(range.upperBound) - closedForm(high, 0.25)) < 1e-5)
    }
    observer.reset()
    #expect(observer.ranges.isEmpty && observer.batches == 0)
  }

  @Test("is what calibration and training do in a model, with the configured momentum")
  func inModel() throws {
    var config = QuantizationConfig.recommended
    config.activations?.observer = ObserverConfig(.movingAverage(momentum: 0.25))
    config.warmupBatches = 6
    let batches = images(batches: 8)
    var preparer = QATPreparer(config, calibration: CalibrationData(Array(batches[..<3])))
    let step = try TrainingStep(preparer.prepareForQAT(branchedNet()))
    func check(_ seen: Int, _ variables: [String: AnyTensor]) throws {
      let inputs = batches[..<seen].map { $0["image"]?.floats ?? [] }
      let low = try #require(variables["image.min"]?.floats.first)
      let high = try #require(variables["image.max"]?.floats.first)
      #expect(abs(Double(low) - closedForm(inputs.map { $0.min() ?? 0 }, 0.25)) < 1e-5)
      #expect(abs(Double(high) - closedForm(inputs.map { $0.max() ?? 0 }, 0.25)) < 1e-5)
    }
    try check(3, step.variables)
    for seen in 4...8 {
      let labels = AnyTensor(shape: [8], [Int64](repeating: 1, count: 8))
      _ = try step.run(Batch(inputs: batches[seen - 1], labels: labels), learningRate: 0.01)
      // Six batches are followed, those of the calibration among them.
      try check(min(seen, 6), step.variables)
    }
    try step.resetObservers()
    let labels = AnyTensor(shape: [8], [Int64](repeating: 1, count: 8))
    _ = try step.run(Batch(inputs: batches[4], labels: labels), learningRate: 0.01)
    #expect(step.variables["image.min"]?.floats.first == batches[4]["image"]?.floats.min())
  }
}
