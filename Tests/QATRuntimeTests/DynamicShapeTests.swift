import QATCore
import QATIR
import Testing

@testable import QATRuntime

@Suite("Shapes that change from run to run")
struct DynamicShapeTests {
  @Test("keep eight plans, however many there are")
  func boundedPlans() throws {
    let graph = try Graph(
      text: """
        graph @sequences(%x: f32[N,T,4]) -> (%y: f32[N,4*T]) {
          constant %w: f32[4,4] = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
          constant %zero: i64[] = [0]
          constant %axes: i64[1] = [0]
          constant %rest: i64[1] = [-1]
          %h = MatMul(%x, %w)
          %s = Shape(%h)
          %n = Gather(%s, %zero)
          %v = Unsqueeze(%n, %axes)
          %t = Concat(%v, %rest) {axis = 0}
          %y = Reshape(%h, %t)
        }
        """)
    let session = try Session(graph)
    for length in 1...500 {
      let x = AnyTensor(
        shape: [2, length, 4], (0..<8 * length).map { Float($0) })
      let y = try session.run(["x": x])[0]
      #expect(y.shape == [2, 4 * length])
      #expect(y.elements(as: Float.self) == x.elements(as: Float.self))
      #expect(session.planCount <= 8)
    }
    #expect(session.planCount == 8)
  }

  @Test("are found out by running what decides them, and the rest is compiled for them")
  func splitPlans() throws {
    // The shape is data: nothing is known of it before the run.
    let graph = try Graph(
      text: """
        graph @data(%x: f32[12], %shape: i64[2], %c: bool[]) -> (%r: f32[?,?], %y: f32[?,?], %n: i64[]) {
          %a = Neg(%x)
          %r = Reshape(%a, %shape)
          %b = If(%c, %r) {captures = 1, then_branch = graph @t(%r: f32[?,?]) -> (%q: f32[?,?]) {
            %q = Transpose(%r) {perm = [1, 0]}
          }, else_branch = graph @e(%r: f32[?,?]) -> (%q: f32[?,?]) {
            %q = Concat(%r, %r) {axis = 0}
          }}
          %y = Neg(%b)
          %n = Size(%y)
        }
        """)
    let session = try Session(graph, watching: ["a", "b"])
    let x = AnyTensor(shape: [12], (0..<12).map { Float($0) })
    for (rows, columns) in [(3, 4), (1, 12), (3, 4)] {
      for condition in [true, false] {
        let results = try session.run([
          "x": x, "shape": AnyTensor(shape: [2], [Int64(rows), Int64(columns)]),
          "c": AnyTensor(shape: [], [condition]),
        ])
        #expect(results[0].shape == [rows, columns])
        #expect(results[1].shape == (condition ? [columns, rows] : [2 * rows, columns]))
        #expect(results[2].elements(as: Int64.self) == [condition ? 12 : 24])
        #expect(session.value("b")?.shape == results[1].shape)
        #expect(session.value("a")?.shape == [12])
        let reference = try ReferenceEvaluator(graph).evaluate([
          "x": x, "shape": AnyTensor(shape: [2], [Int64(rows), Int64(columns)]),
          "c": AnyTensor(shape: [], [condition]),
        ])
        #expect(reference.outputs == results)
      }
    }
    let profile = try session.profile([
      "x": x, "shape": AnyTensor(shape: [2], [Int64(2), 6]), "c": AnyTensor(shape: [], [true]),
    ])
    #expect(profile.map(\.op.type) == ["Neg", "Reshape", "If", "Neg"])
    #expect(throws: Diagnostic.self) {
      try session.run([
        "x": x, "shape": AnyTensor(shape: [2], [Int64(5), 5]), "c": AnyTensor(shape: [], [true]),
      ])
    }
  }

  @Test("are seen by hooks once each")
  func hooks() throws {
    let graph = try Graph(
      text: """
        graph @data(%x: f32[4], %shape: i64[2]) -> (%y: f32[?,?]) {
          %a = Neg(%x)
          %r = Reshape(%a, %shape)
          %y = Neg(%r)
        }
        """)
    let session = try Session(graph)
    let seen = Seen()
    for name in ["x", "a", "r", "y"] {
      try session.addHook(on: name) { seen.names.append($0.name + "\($0.value.shape)") }
    }
    _ = try session.run([
      "x": AnyTensor(shape: [4], [Float(1), 2, 3, 4]),
      "shape": AnyTensor(shape: [2], [Int64(2), 2]),
    ])
    #expect(seen.names == ["x[4]", "a[4]", "r[2, 2]", "y[2, 2]"])
  }

  private final class Seen { var names: [String] = [] }

  @Test("of an operation that can't be run are an error that names it, also in a body")
  func unsupported() throws {
    let graph = try Graph(
      text: """
        graph @g(%c: bool[], %x: f32[2]) -> (%y: f32[2]) {
          %y = If(%c, %x) {captures = 1, then_branch = graph @t(%x: f32[2]) -> (%q: f32[2]) {
            %q = "own"."Thing"(%x) : f32[2]
          }, else_branch = graph @e(%x: f32[2]) -> (%x: f32[2]) {
          }} : f32[2]
        }
        """)
    #expect {
      try Session(graph)
    } throws: {
      ($0 as? Diagnostic)?.code == .unsupported && "\($0)".contains("own.Thing")
    }
  }
}
