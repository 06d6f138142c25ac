import QATCore
import Testing

@testable import QATIR

@Suite("Control flow")
struct ControlFlowTests {
  static let text = """
    graph @flow(%c: bool[], %n: i64[], %x: f32[N,3]) -> (%y: f32[N,3], %z: f32[N,3], %all: f32[?,3]) {
      constant %w: f32[3] = [1.0, 2.0, 3.0]
      %y = If(%c, %x, %w) {captures = 2, then_branch = graph @then(%x: f32[N,3], %w: f32[3]) -> (%a: f32[N,3]) {
        %a = Mul(%x, %w) : f32[N,3]
      }, else_branch = graph @else(%x: f32[N,3], %w: f32[3]) -> (%x: f32[N,3]) {
      }} : f32[N,3]
      %z, %all = Loop(%n, _, %y, %w) {captures = 1, body = graph @body(%i: i64[], %c: bool[], %v: f32[N,3], %w: f32[3]) -> (%c: bool[], %q: f32[N,3], %w: f32[3]) {
        %q = If(%c, %v) {captures = 1, then_branch = graph @then(%v: f32[N,3]) -> (%r: f32[N,3]) {
          %r = Relu(%v) : f32[N,3]
        }, else_branch = graph @else(%v: f32[N,3]) -> (%r: f32[N,3]) {
          constant %k: f32[20] = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
          %r = Neg(%v) : f32[N,3]
        }} : f32[N,3]
      }} : f32[N,3], f32[?,3]
    }

    """

  @Test("prints bodies among the attributes, and parses them back")
  func roundTrip() throws {
    let graph = try Graph(text: Self.text)
    #expect(graph.text() == Self.text.replacing("%all: f32[?,3]) {", with: "%all: f32[?,3]) {"))
    #expect(try Graph(text: graph.text()) == graph)
    try graph.verify(evaluation: true)
    let writer = BlobWriter(fileName: "flow.blob")
    let text = graph.text(blobs: .sideFile(writer))
    #expect(text.contains("blob(\"flow.blob\", 0)"))
    #expect(try Graph(text: text, blobs: InMemoryBlobs(writer)) == graph)
    // By name only the graph's own constants are known elsewhere.
    #expect(!graph.text(blobs: .byName).contains("blob("))
  }

  @Test("gives results the type that all ways have in common")
  func types() throws {
    let graph = try Graph(
      text: """
        graph @types(%c: bool[], %m: i64[], %x: f32[4,2]) -> (%y: f32[4,2]) {
          constant %flat: i64[1] = [-1]
          constant %three: i64[] = [3]
          %a, %b = If(%c, %x, %flat) {captures = 2, then_branch = graph @t(%x: f32[4,2], %s: i64[1]) -> (%p: f32[8], %q: f32[4,2]) {
            %p = Reshape(%x, %s)
            %q = Neg(%x)
          }, else_branch = graph @e(%x: f32[4,2], %s: i64[1]) -> (%x: f32[4,2], %q: f32[4,4]) {
            %q = Concat(%x, %x) {axis = 1}
          }}
          %g, %h = Loop(%m, _, %x, %x) {captures = 1, body = graph @b(%i: i64[], %k: bool[], %v: f32[4,2], %x: f32[4,2]) -> (%k: bool[], %w: f32[8,2], %x: f32[4,2]) {
            %w = Concat(%v, %x) {axis = 0}
          }}
          %u, %o = Loop(%three, _, %x) {body = graph @b(%i: i64[], %k: bool[], %v: f32[4,2]) -> (%k: bool[], %w: f32[4,2], %i: i64[]) {
            %w = Neg(%v)
          }}
          %y = Neg(%x)
        }
        """)
    func type(_ name: String) -> String? { graph.value(named: name).map { "\(graph[$0].type)" } }
    #expect(type("a") == "f32[*]" && type("b") == "f32[4,?]")
    #expect(type("g") == "f32[?,2]" && type("h") == "f32[?,4,2]")
    #expect(type("u") == "f32[4,2]" && type("o") == "i64[3]")
    try graph.verify()
  }

  @Test("is refused with a place where it makes no sense")
  func mistakes() {
    func message(_ body: String, _ operands: String = "%c, %x") -> String {
      let text = """
        graph @g(%c: bool[], %x: f32[2]) -> (%x: f32[2]) {
          %y = If(\(operands)) {captures = 1, then_branch = graph @t(%x: f32[2]) -> (%a: f32[2]) {
            %a = Neg(%x)
          }, else_branch = \(body)}
        }
        """
      do throws(Diagnostic) {
        try Graph(text: text).verify()
        return ""
      } catch { return error.description }
    }
    #expect(message("graph @e(%x: f32[2]) -> (%b: f32[2]) {\n%b = Relu(%x)\n}") == "")
    #expect(
      message("graph @e(%x: f32[2]) -> (%b: f32[2], %b: f32[2]) {\n%b = Relu(%x)\n}")
        .contains("one branch has 1 outputs, the other 2"))
    #expect(
      message("graph @e(%x: i64[2]) -> (%b: i64[2]) {\n%b = Neg(%x)\n}")
        .contains("of body 'e' is i64[2]"))
    #expect(message("graph @e() -> () {\n}").contains("one branch has 1 outputs, the other 0"))
    #expect(message("3").contains("attribute 'else_branch' of If has the wrong type"))
    #expect(
      message("graph @e(%x: f32[2]) -> (%b: f32[2]) {\n%b = Relu(%y)\n}")
        .contains("nothing above defines %y"))
    #expect(
      message("graph @e(%x: f32[2]) -> (%v: f32[2]) {\nvariable %v: f32[2] = [1.0, 2.0]\n}")
        .contains("%v is a variable"))
    #expect(
      message("graph @e(%x: f32[2]) -> (%b: f32[2]) {\n%b = Relu(%x)\n}", "%c")
        .contains("takes a condition and 1 captured values"))
    let deep = String(repeating: "graph @g() -> () {\n X() {b = ", count: 40)
    #expect(throws: Diagnostic.self) { try Graph(text: deep) }
  }
}
