import QATCore
import QATIR
import QATRuntime
import Testing

@Suite("Memory of plans")
struct MemoryTests {
  private let x = AnyTensor(shape: [64], (0..<64).map { Float($0) - 30 })

  @Test("is written over where nobody reads an operand any more")
  func overwrite() throws {
    let graph = try Graph(
      text: """
        graph @chain(%x: f32[64]) -> (%y: f32[64]) {
          %a = Neg(%x)
          %b = Relu(%a)
          %c = Add(%b, %a)
          %y = Relu(%c)
        }
        """)
    let session = try Session(graph)
    let y = try session.run(["x": x])[0]
    #expect(y.elements(as: Float.self) == (0..<64).map { 2 * max(30 - Float($0), 0) })
    // %a lives on beside %b; %c takes the place of one of them, %y that of %c.
    #expect(session.arenaByteCount == 2 * 256)
  }

  @Test("is not asked for beyond what there is")
  func tooMuch() throws {
    let graph = try Graph(
      text: """
        graph @huge(%x: f32[1]) -> (%y: f32[1]) {
          constant %shape: i64[1] = [4398046511104]
          constant %axes: i64[1] = [0]
          %a = Expand(%x, %shape)
          %y = ReduceSum(%a, %axes) {keepdims = 1}
        }
        """)
    let error = #expect(throws: Diagnostic.self) {
      try Session(graph).run(["x": AnyTensor(shape: [1], [Float(1)])])
    }
    #expect(error?.code == .unsupported)
  }

  @Test("of values that are outputs, or have another name for a shape, is left alone")
  func keep() throws {
    let graph = try Graph(
      text: """
        graph @kept(%x: f32[64]) -> (%a: f32[64], %y: f32[64], %z: f32[8,8]) {
          constant %shape: i64[2] = [8, 8]
          %a = Neg(%x)
          %r = Reshape(%a, %shape)
          %b = Abs(%x)
          %f = Flatten(%b)
          %y = Relu(%a)
          %z = Relu(%r)
        }
        """)
    let outputs = try Session(graph).run(["x": x]).map { $0.elements(as: Float.self) ?? [] }
    let negated = (0..<64).map { 30 - Float($0) }
    #expect(outputs == [negated, negated.map { max($0, 0) }, negated.map { max($0, 0) }])
  }

  @Test("is not kept for what only lends its shape")
  func shapes() throws {
    let graph = try Graph(
      text: """
        graph @shape(%x: f32[64], %v: f32[8,8]) -> (%y: f32[8,8]) {
          %a = Neg(%v)
          %b = Abs(%x)
          %c = Sqrt(%b)
          %y = qat.ReshapeLike(%c, %a)
        }
        """)
    let session = try Session(graph)
    let y = try session.run([
      "x": x, "v": AnyTensor(shape: [8, 8], Array(repeating: Float(1), count: 64)),
    ])
    #expect(y[0].shape == [8, 8])
    // %b lies where %a did.
    #expect(session.arenaByteCount == 256)
  }
}
