import QATConfig
import QATCore
import QATData
import QATIR
import QATQuantization
import Testing

@Suite("Comparing models")
struct CompareTests {
  @Test("counts signal, noise, the largest difference and what is equal")
  func numbers() {
    var comparison = TensorComparison([3, 4], [3, 3])
    comparison.add([0], [0])
    // Σ x² = 25, Σ (x - y)² = 1: 10·log10(25) dB.
    #expect(abs(comparison.sqnr - 13.979_400_086_720_376) < 1e-12)
    #expect(comparison.maxDifference == 1 && comparison.equalShare == 2.0 / 3)
    #expect(TensorComparison([1, .nan, .infinity], [1, .nan, .infinity]).sqnr == .infinity)
    #expect(TensorComparison([1, 2], [1, .nan]).maxDifference == .infinity)
    #expect(TensorComparison([1, .infinity], [1, -.infinity]).sqnr == -.infinity)
    #expect(TensorComparison([0], [1]).relativeNoise == .infinity)
    #expect(TensorComparison().equalShare == 1)
    #expect(abs(noise(ofDecibels: 20) - 0.01) < 1e-15 && abs(decibels(ofNoise: 0.001) - 30) < 1e-12)
  }

  @Test("gives the accuracy of both, and a line a layer, whatever the batches")
  func models() throws {
    let graph = try fragileModel(), data = try labelled(graph, 200, seed: 2)
    let quantized = try quantizeModel(graph, calibration: data, form: .fakeQuantized).graph
    let comparison = try compareQuantized(graph, quantized, on: data)
    #expect(comparison.first.accuracy == 1 && comparison.first.count == 200)
    let accuracy = try #require(comparison.second.accuracy)
    #expect(accuracy < 0.9 && comparison.drop == 100 * (1 - accuracy))
    let sqnr = Dictionary(
      uniqueKeysWithValues: comparison.values.map { ($0.name, $0.comparison.sqnr) })
    // What stands in front of the fragile layer is close, what stands behind it is not.
    let front = try #require(sqnr["front.relu"]), middle = try #require(sqnr["middle.relu"])
    #expect(front > middle + 15, "\(front) dB, \(middle) dB")
    #expect(comparison.outputs.map(\.name) == ["head"])
    #expect(comparison.outputs[0].comparison.count == 800)
    let parts = try compareQuantized(graph, quantized, on: data, batchSize: 17)
    #expect(parts.outputs[0].comparison.equalCount == comparison.outputs[0].comparison.equalCount)
    #expect(parts.second == comparison.second)
    #expect(comparison.description.contains("middle.relu"))
    #expect(
      comparison.description.hasSuffix("% of 200, \(fixed(100 * (1 - accuracy), 2)) points apart"))
    // A model against itself.
    let same = try compareQuantized(graph, graph, on: data, samples: 10)
    #expect(same.first.count == 10 && same.values.allSatisfy { $0.comparison.equalShare == 1 })
  }
}
