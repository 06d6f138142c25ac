import QATCore
import QATIR
import QATRewrite
import QATRuntime
import Testing

@testable import QATPasses

/// Batches of samples that are too large to be run at once.
@Suite("Calibration on large samples")
struct CalibrationPartsTests {
  private static let samples = 6, channels = 3, size = 300

  /// Observers of every kind on a value that is larger than the input.
  private func graph(_ observers: [String]) throws -> Graph {
    let nodes = observers.enumerated().map { index, attributes in
      let bins = attributes.contains("percentile") || attributes.contains("entropy")
      let channels = attributes.contains("axis") ? "[\(Self.channels)]" : "[]"
      let zeros = channels == "[]" ? "[0.0]" : "[0.0, 0.0, 0.0]"
      let state = """
        variable %low\(index): f32\(channels) = \(zeros)
        variable %high\(index): f32\(channels) = \(zeros)
        variable %count\(index): i64[] = [0]
        """
      let histogram =
        bins
        ? """

        variable %bins\(index): i64[64] = \(Array(repeating: 0, count: 64))
        variable %extent\(index): f32[3] = [0.0, 0.0, 0.0]
        """ : ""
      let more = bins ? ", %bins\(index), %extent\(index)" : ""
      let results = bins ? ", %d\(index), %e\(index)" : ""
      return (
        state + histogram,
        "%a\(index), %b\(index), %c\(index)\(results) = qat.Observe(%y, %low\(index), %high\(index), "
          + "%count\(index)\(more)) {\(attributes)}"
      )
    }
    return try Graph(
      text: """
        graph @net(%x: f32[N,\(Self.channels),\(Self.size),\(Self.size)]) -> (%y: f32[N,\(Self.channels),\(Self.size),\(Self.size)]) {
        \(nodes.map(\.0).joined(separator: "\n"))
        %y = LeakyRelu(%x) {alpha = 0.5}
        \(nodes.map(\.1).joined(separator: "\n"))
        }
        """)
  }

  private func batch(_ seed: UInt64, _ samples: Int = Self.samples) -> AnyTensor {
    var numbers = SeededNumbers(seed: seed)
    let count = Self.channels * Self.size * Self.size
    let floats = (0..<samples).flatMap { sample in
      let scale = Float(sample + 1) * numbers.float()
      return (0..<count).map { Float($0 % 1009 - 400) * scale }
    }
    return AnyTensor(shape: [samples, Self.channels, Self.size, Self.size], floats)
  }

  @Test("batches are cut into parts of one size, and put together they are the batch")
  func cut() {
    let x = batch(1), parts = ["x": x].parts(ofBytes: 1 << 21)
    // A sample has 1.03 MiB.
    #expect(parts.count == Self.samples)
    #expect(parts.flatMap { $0["x"]?.elements(as: Float.self) ?? [] } == x.elements())
    #expect(["x": x].parts(ofBytes: 1 << 22).count == 2)
    #expect(["x": x].parts(ofBytes: 1 << 30).count == 1)
    // Inputs that do not have as many samples stay together.
    #expect(["x": x, "n": AnyTensor(Int64(3))].parts(ofBytes: 1).count == 1)
  }

  @Test("observers end in the same state, however a batch was cut")
  func states() throws {
    let kinds = [
      "kind = min-max", "kind = min-max, axis = 1", "kind = moving-average, momentum = 0.3",
      "kind = moving-average, momentum = 0.3, axis = 1, every = 2", "kind = percentile",
      "kind = entropy, every = 2",
    ]
    var graph = try graph(kinds), context = PassContext()
    let batches = [batch(1), batch(2), batch(3, 1)]
    context[CalibrationData.self] = CalibrationData(batches.map { ["x": $0] })
    let before = graph
    try Calibrate().run(on: &graph, &context)

    for id in before.nodes {
      guard var observe = before[id].op as? Observe else { continue }
      observe.deferred = true
      let variables = before.observerState(of: id).map(\.variable)
      var state = try ObserverState(variables.map { before[$0].variable })
      for batch in batches {
        let y = try Session(before).run(["x": batch])[0]
        state = try observe.next(state, observing: y)
      }
      let wanted = observe.settled(state)
      let found = try ObserverState(variables.map { graph[$0].variable })
      #expect(found == wanted, "\(observe.kind)")
      #expect(found.batches == 3)
    }
  }
}
