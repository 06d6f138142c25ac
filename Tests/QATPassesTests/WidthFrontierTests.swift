import QATConfig
import QATCore
import Testing

@testable import QATPasses

@Suite("Choosing widths")
struct WidthFrontierTests {
  /// Layers of random sizes whose noise mostly falls with the width.
  private func layers(_ count: Int, seed: UInt64) -> [[BitAssignment.Choice]] {
    var numbers = SeededNumbers(seed: seed)
    return (0..<count).map { index in
      let size = 8 + Int(numbers.next() % 200)
      return [2, 3, 4, 6, 8].map { bits in
        BitAssignment.Choice(
          layer: "l\(index)", width: LayerWidth(weights: bits), bytes: (size * bits + 7) / 8,
          noise: Double(numbers.next() % 1000) / Double(1 << (2 * bits)))
      }
    }
  }

  /// Every assignment there is.
  private func all(_ layers: [[BitAssignment.Choice]]) -> [BitAssignment] {
    layers.reduce([BitAssignment(choices: [])]) { partial, layer in
      partial.flatMap { start in layer.map { BitAssignment(choices: start.choices + [$0]) } }
    }
  }

  @Test("finds what trying everything finds", arguments: 0..<8)
  func optimal(_ seed: Int) throws {
    let layers = layers(5, seed: UInt64(seed)), every = all(layers)
    let frontier = WidthFrontier(layers)
    let sizes = every.map(\.bytes).sorted()
    for bytes in stride(from: sizes[0], through: sizes[sizes.count - 1], by: 17) {
      let best = try #require(every.filter { $0.bytes <= bytes }.map(\.noise).min())
      let found = try #require(frontier.within(bytes: bytes))
      #expect(found.bytes <= bytes && abs(found.noise - best) <= 1e-12 * best)
    }
    for noise in every.map(\.noise).sorted().enumerated().filter({ $0.offset % 97 == 0 }).map(
      \.element)
    {
      let best = try #require(every.filter { $0.noise <= noise * (1 + 1e-12) }.map(\.bytes).min())
      #expect(try #require(frontier.within(noise: noise * (1 + 1e-12))).bytes == best)
    }
    #expect(frontier.within(bytes: sizes[0] - 1) == nil)
    #expect(frontier.within(noise: -1) == nil)
  }

  @Test("stays within a step of size for each layer where it keeps few points")
  func limited() throws {
    let layers = layers(12, seed: 3)
    let exact = WidthFrontier(layers), coarse = WidthFrontier(layers, limit: 64)
    #expect(coarse.count <= 66 && exact.count > 128)
    let smallest = exact[0].bytes, largest = exact[exact.count - 1].bytes
    #expect(coarse[0].bytes == smallest)
    let slack = 12 * ((largest - smallest) / 64 + 1)
    for bytes in stride(from: smallest + slack, to: largest, by: 50) {
      let found = try #require(coarse.within(bytes: bytes))
      let tighter = try #require(exact.within(bytes: bytes - slack))
      #expect(found.bytes <= bytes && found.noise <= tighter.noise)
    }
  }
}
