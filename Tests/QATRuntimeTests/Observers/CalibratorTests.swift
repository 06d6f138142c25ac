import QATCore
import QATIR
import QATRuntime
import Testing

/// An observer of a user's own: the mean, give or take twice the mean distance from it.
private struct MeanObserver: Observer {
  private var sum = 0.0, distance = 0.0, count = 0.0
  private(set) var batches = 0

  mutating func observe(_ tensor: AnyTensor) throws(Diagnostic) {
    for x in tensor.doubles ?? [] {
      sum += x
      distance += abs(x)
      count += 1
    }
    batches += 1
  }
  var ranges: [ClosedRange<Float>] {
    if count == 0 { return [] }
    let mean = sum / count, spread = 2 * distance / count
    return [Float(mean - spread)...Float(mean + spread)]
  }
  mutating func reset() { self = MeanObserver() }
}

@Suite("A calibrator")
struct CalibratorTests {
  private static let text = """
    graph @net(%x: f32[N,2]) -> (%y: f32[N,3]) {
      constant %w: f32[2,3] = [1.0, -2.0, 0.5, 3.0, 0.25, -1.0]
      %h = MatMul(%x, %w)
      %y = Relu(%h)
    }
    """
  private let batches: [[String: AnyTensor]] = [
    ["x": AnyTensor(shape: [2, 2], [1, 0, 0, 1] as [Float])],
    ["x": AnyTensor(shape: [1, 2], [-1, 2] as [Float])],
  ]

  @Test("gives the ranges of chosen values, by observers of anyone")
  func ranges() throws {
    var calibrator = try Calibrator(
      Graph(text: Self.text),
      observers: [
        "h": MinMaxObserver(), "y": MinMaxObserver(axis: 1), "x": MeanObserver(),
      ])
    for batch in batches { try calibrator.observe(batch) }
    // h: [1, -2, 0.5], [3, 0.25, -1], [5, 2.5, -2.5].
    #expect(calibrator.ranges["h"] == [-2.5...5])
    #expect(calibrator.ranges["y"] == [1...5, 0...2.5, 0...0.5])
    #expect(calibrator.ranges["x"] == [-1.1666666...2.1666667])
    calibrator.reset()
    #expect(calibrator.ranges.values.allSatisfy { $0.isEmpty })
    try calibrator.observe(batches[0])
    #expect(calibrator.ranges["h"] == [-2...3])
  }

  @Test("does not depend on the number of threads")
  func threads() throws {
    let graph = try Graph(text: Self.text)
    let x = (0..<4000).map { Float(($0 * 7919) % 4001) / 1000 - 2 }
    let results = try [1, 2, 3].map { threads in
      var calibrator = try Calibrator(
        graph,
        observers: [
          "h": HistogramObserver(for: ObserverTests.rule), "y": PercentileObserver(99),
          "x": try EntropyObserver(for: ObserverTests.rule),
        ], threads: threads)
      try calibrator.observe(["x": AnyTensor(shape: [2000, 2], x)])
      return calibrator.ranges
    }
    #expect(results[0] == results[1] && results[0] == results[2] && results[0].count == 3)
  }

  @Test("names the value that is not there, or holds no numbers")
  func mistakes() throws {
    let graph = try Graph(text: Self.text)
    let unknown = #expect(throws: Diagnostic.self) {
      try Calibrator(graph, observers: ["hh": MinMaxObserver()])
    }
    #expect(unknown?.code == .unknownName && unknown?.hint?.contains("'h'") == true)
    var calibrator = try Calibrator(graph, observers: ["h": PercentileObserver()])
    let error = #expect(throws: Diagnostic.self) {
      try calibrator.observe(["x": AnyTensor(shape: [1, 2], [0, Float.nan])])
    }
    #expect(error?.code == .invalidData && error?.place == "value 'h'")
  }
}
