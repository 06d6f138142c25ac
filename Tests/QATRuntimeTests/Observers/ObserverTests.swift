import QATCore
import QATIR
import Testing

@testable import QATRuntime

@Suite("Observers")
struct ObserverTests {
  static let rule = RangeToParameters(grid: .uint8, scheme: .asymmetric)

  /// The five, by name.
  static func all(axis: Int? = nil, every: Int = 1) throws -> [any OperationObserver] {
    [
      MinMaxObserver(axis: axis, every: every),
      MovingAverageObserver(momentum: 0.25, axis: axis, every: every),
      PercentileObserver(99, axis: axis, every: every),
      HistogramObserver(for: rule, axis: axis, every: every),
      try EntropyObserver(for: rule, axis: axis, every: every),
    ]
  }

  /// Batches [4, 3, 50] whose channels have ranges of their own.
  private func batches(_ count: Int) -> [AnyTensor] {
    var state: UInt64 = 1
    return (0..<count).map { batch in
      let elements = (0..<600).map { index -> Float in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let channel = index / 50 % 3
        return (Float(state >> 40) / 8_388_608 - 1) * Float(channel + 1) + Float(batch) / 8
      }
      return AnyTensor(shape: [4, 3, 50], elements)
    }
  }

  @Test("of channels find what one observer for each channel finds")
  func channels() throws {
    for index in 0..<5 {
      var whole = try Self.all(axis: 1)[index]
      var single = try (0..<3).map { _ in try Self.all()[index] }
      for batch in batches(6) {
        try whole.observe(batch)
        let elements = try #require(batch.elements(as: Float.self))
        for channel in 0..<3 {
          let own = elements.enumerated().filter { $0.offset / 50 % 3 == channel }.map(\.element)
          try single[channel].observe(Tensor(shape: [200], own))
        }
      }
      #expect(whole.ranges == single.flatMap(\.ranges), "\(whole.operation.kind)")
      #expect(whole.ranges.count == 3 && whole.batches == 6)
      let scales = whole.parameters(Self.rule).map(\.scale)
      #expect(scales == single.map { $0.parameters(Self.rule)[0].scale })
    }
  }

  @Test("remember as much after a thousand batches as after one")
  func memory() throws {
    for var observer in try Self.all() {
      let batch = batches(1)[0]
      try observer.observe(batch)
      let size = observer.state?.byteCount
      for _ in 0..<999 { try observer.observe(batch) }
      #expect(observer.state?.byteCount == size && observer.batches == 1000)
      let most = observer.operation.kind.usesHistogram ? 8 * 4096 + 64 : 64
      #expect(try #require(size) <= most)
      if let histogram = observer.state?.histograms.first { #expect(histogram.total == 600_000) }
    }
  }

  @Test("forget everything when they are reset")
  func reset() throws {
    for (var used, var new) in zip(try Self.all(), try Self.all()) {
      let batches = batches(4)
      for batch in batches[..<2] { try used.observe(batch) }
      used.reset()
      #expect(used.ranges.isEmpty && used.batches == 0)
      for batch in batches[2...] {
        try used.observe(batch)
        try new.observe(batch)
      }
      #expect(used.state == new.state && used.ranges == new.ranges)
    }
  }

  @Test("look at every n-th batch, from the first")
  func every() throws {
    for (var some, var chosen) in zip(try Self.all(every: 3), try Self.all()) {
      for (index, batch) in batches(8).enumerated() {
        try some.observe(batch)
        if index % 3 == 0 { try chosen.observe(batch) }
      }
      #expect(some.ranges == chosen.ranges && some.batches == 8 && chosen.batches == 3)
    }
  }

  @Test("say what is wrong with NaN, other types and other shapes")
  func mistakes() throws {
    for var observer in try Self.all(axis: 1) {
      try observer.observe(batches(1)[0])
      let before = observer.state
      func code(_ tensor: AnyTensor) -> Diagnostic.Code? {
        do throws(Diagnostic) { try observer.observe(tensor) } catch { return error.code }
        return nil
      }
      #expect(code(AnyTensor(shape: [1, 3, 1], [0, Float.nan, 1])) == .invalidData)
      #expect(code(AnyTensor(shape: [1, 3], [Int32(0), 1, 2])) == .unsupported)
      #expect(code(AnyTensor(shape: [1, 2], [Float(0), 1])) == .shapeMismatch)
      #expect(code(AnyTensor(shape: [3], [Float(0), 1, 2])) != nil)
      #expect(observer.state == before)
    }
    #expect(throws: Diagnostic.self) {
      try EntropyObserver(
        for: RangeToParameters(grid: IntegerGrid(bits: 16, signed: true), scheme: .symmetric))
    }
  }

  @Test("in a graph compute what the values compute")
  func inGraph() throws {
    for observer in try Self.all() {
      var value = observer, operation = observer.operation
      operation.limit = 5
      var graph = Graph(name: "observed")
      let x = graph.addInput("x", TensorType(.f32, [4, 3, 50]))
      let empty = ObserverState(binCount: operation.kind.usesHistogram ? 4096 : nil)
      var like = [AnyTensor(Float(0)), AnyTensor(Float(0)), AnyTensor(Int64(0))]
      if operation.kind.usesHistogram {
        like.append(AnyTensor(shape: [4096], [Int64](repeating: 0, count: 4096)))
        like.append(AnyTensor(shape: [3], [Float](repeating: 0, count: 3)))
      }
      let state = zip(["min", "max", "count", "bins", "extent"], empty.tensors(like: like)).map {
        graph.addVariable($0, $1)
      }
      let node = try graph.addNode(
        operation, [x] + state, name: "observe", results: state.map { _ in "" })
      graph.setOutputs(graph[node].results.compactMap { $0 })
      let session = try Session(graph)
      for (index, batch) in batches(7).enumerated() {
        let results = try session.run(["x": batch])
        for (variable, tensor) in zip(state, results) {
          try session.setVariable(graph[variable].name, to: tensor)
        }
        // The operation stops at its limit.
        if index < 5 { try value.observe(batch) }
        let range = try #require(value.ranges.first)
        #expect(
          results[0] == AnyTensor(range.lowerBound) && results[1] == AnyTensor(range.upperBound))
        #expect(results[2] == AnyTensor(Int64(index + 1)))
      }
    }
  }

  @Test("without a histogram of their own judge each batch by itself")
  func alone() throws {
    for kind in [ObserverKind.percentile, .histogram, .entropy] {
      let operation = Observe(kind, axis: 1), batches = batches(3)
      var state = ObserverState(channels: 3)
      for batch in batches { state = try operation.next(state, observing: batch) }
      let last = try operation.next(ObserverState(channels: 3), observing: batches[2])
      #expect(state.low == last.low && state.high == last.high && state.batches == 3)
      #expect(state.histograms.isEmpty)
    }
  }
}

@Suite("A moving average")
struct MovingAverageTests {
  @Test("starts at the first number, moves by momentum, forgets when reset")
  func moves() {
    var average = MovingAverage(momentum: 0.5)
    #expect(average.value == nil)
    #expect(average.update(2) == 2 && average.update(4) == 3 && average.update(-1) == 1)
    #expect(average.value == 1)
    average.reset()
    #expect(average.value == nil && average.update(7) == 7)
  }

  @Test("smooths: a constant stays, a step is approached by a power of 1 - momentum")
  func smooths() {
    var average = MovingAverage(momentum: 0.1)
    for _ in 0..<50 { average.update(3) }
    #expect(average.value == 3)
    for _ in 0..<20 { average.update(4) }
    // 4 - 0.9^20; twenty roundings of float32.
    #expect(abs(Double(average.value ?? 0) - 3.878_423_345_4) < 1e-5)
  }
}
