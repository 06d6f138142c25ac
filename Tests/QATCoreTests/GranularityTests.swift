import QATCore
import Testing

@Suite("Granularity")
struct GranularityTests {
  @Test("each element of a channel has the channel's parameter")
  func channels() throws {
    let granularity = try Granularity(
      shape: [2, 3, 2], parameterShape: [3], axis: -2, blockSize: 0)
    #expect((0..<12).map(granularity.parameter) == [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2])
  }

  @Test("blocks keep the other axes, and the last one may be short")
  func blocks() throws {
    let granularity = try Granularity(
      shape: [2, 5], parameterShape: [2, 3], axis: 1, blockSize: 2)
    #expect((0..<10).map(granularity.parameter) == [0, 0, 1, 1, 2, 3, 3, 4, 4, 5])
    let outer = try Granularity(shape: [3, 2], parameterShape: [2, 2], axis: 0, blockSize: 2)
    #expect((0..<6).map(outer.parameter) == [0, 1, 0, 1, 2, 3])
  }

  @Test("parameters of another shape are an error")
  func wrongShape() {
    #expect(throws: Diagnostic.self) {
      try Granularity(shape: [2, 3], parameterShape: [2], axis: 1, blockSize: 0)
    }
    #expect(throws: Diagnostic.self) {
      try Granularity(shape: [2, 3], parameterShape: [3], axis: 2, blockSize: 0)
    }
  }

  @Test("4-bit codes pack and unpack", arguments: [ElementType.i4, .u4, .i2, .u2])
  func packing(_ element: ElementType) throws {
    let grid = try #require(IntegerGrid(codesOf: element))
    let codes = Array(grid.min...grid.max) + [grid.max]
    #expect(AnyTensor(element, shape: [codes.count], integers: codes).integers == codes)
  }
}
