import QATCore
import Testing

@testable import QATIR

@Suite("Mistakes in the text form")
struct ParserErrorTests {
  func mistake(_ text: String) -> Diagnostic? {
    do throws(Diagnostic) {
      _ = try Graph(text: text, registry: .testing, fileName: "t.qir")
      return nil
    } catch { return error }
  }

  /// A statement in line 2, after two blanks.
  func mistake(statement: String) -> Diagnostic? {
    mistake("graph @g(%x: f32[N,2], %i: i64[]) -> () {\n  \(statement)\n}\n")
  }

  static let statements: [(String, Int, String)] = [
    ("%y = Add(%x, %z)", 16, "nothing above defines %z"),
    ("%y = Add(%x %x)", 15, "expected ',' or ')', found \"%\""),
    ("%y = Add(%x", 0, "expected ',' or ')', found \"}\""),
    ("%y Add(%x, %x)", 6, "expected '=', found \"Add\""),
    ("%y = (%x)", 8, "expected an operation, found \"(\""),
    ("%x = Identity(%x)", 3, "%x is defined twice"),
    ("%y, %y = test.Fork(%x)", 7, "%y is defined twice"),
    ("%y = Identity(%x) : f32[N,3]", 23, "Identity makes %y f32[N,2], not f32[N,3]"),
    ("%y = Identity(%x) : f16[N,2]", 23, "not f16[N,2]"),
    ("%y = Identity(%x) : f33[N,2]", 23, "'f33' is no element type"),
    ("%y = Identity(%x) : f32[N,2", 0, "expected ',' or ']', found \"}\""),
    ("%y = Identity(%x) : f32[-1]", 27, "expected a dimension, found \"-1\""),
    ("%y = Identity(%x, %x)", 3, "takes 1 operands, not 2"),
    ("%y, %z = Identity(%x)", 3, "has 1 results"),
    ("%y = Unknown(%x)", 3, "nothing defines the operation Unknown"),
    ("%y = Identity(%x) {axis = 1}", 22, "has no attribute 'axis'"),
    ("%y = test.EveryAttribute(%x) {int = 1, float = 1}", 42, "'float' of test.EveryAttribute"),
    ("%y = test.EveryAttribute(%x) {int = 1, int = 1}", 42, "occurs twice"),
    ("%y = test.EveryAttribute(%x) {ints = []}", 41, "an empty list of nothing"),
    ("%y = test.EveryAttribute(%x) {ints = [1, 1.0]}", 41, "not of one kind"),
    ("%y = test.EveryAttribute(%x) {ints = [[1]]}", 41, "expected a digit"),
    ("%y = test.EveryAttribute(%x) {int = 9223372036854775808}", 39, "more than 64 bits"),
    ("%y = test.EveryAttribute(%x) {float = 1e39}", 41, "too large for f32"),
    ("%y = test.EveryAttribute(%x) {float = nan(0x1)}", 41, "no NaN"),
    ("%y = test.EveryAttribute(%x) {string = \"a}", 42, "no closing"),
    ("%y = test.EveryAttribute(%x) {string = \"\\q\"}", 43, "unknown escape"),
    ("%y = test.EveryAttribute(%x) {string = \"\\u{d800}\"}", 43, "unknown escape"),
    ("constant %w: f32[2] = [1.0]", 26, "1 elements for f32[2]"),
    ("constant %w: f32[1] = [1.0, 2.0]", 31, "more elements than f32[1] has"),
    ("constant %w: f32[N] = [1.0]", 16, "contents need sizes"),
    ("constant %w: i8[1] = [128]", 25, "this number is no i8"),
    ("constant %w: u4[1] = [-1]", 25, "this number is no u4"),
    ("constant %w: i8[1] = [1.0]", 25, "this number is no i8"),
    ("constant %w: f16[1] = [65520.0]", 26, "too large for f16"),
    ("constant %w: f8e4m3fn[1] = [inf]", 31, "has no infinity"),
    ("constant %w: bool[1] = [1]", 27, "expected true or false"),
    ("constant %w: f32[1] = hex\"0\"", 28, "pairs of hexadecimal digits"),
    ("constant %w: f32[1] = hex\"00\"", 25, "1 bytes for f32[1]"),
    ("constant %w: f32[1] = blob(\"w.blob\", 0)", 25, "no side file 'w.blob'"),
    ("constant %w: f32[4294967296,4294967296] = []", 16, "larger than any memory"),
    ("constant %w: f32[4294967296,4294967296,0] = []", 16, "larger than any memory"),
    ("constant %w: f32[0,4294967296,4294967296] = []", 16, "larger than any memory"),
    ("constant %w: f32[9223372036854775807] = []", 16, "larger than any memory"),
    ("constant %w: f32[9223372036854775808] = []", 20, "more than 63 bits"),
    ("constant %w: f32[4294967296*N*4294967296] = []", 20, "more than 63 bits"),
    ("constant %w: f32[100000000000] = []", 37, "0 elements for f32[100000000000]"),
    ("%y = Identity(%x) %x", 21, "expected the end of the line, found \"%\""),
    ("%y = Identity(%x) nam(\"a\")", 21, "expected the end of the line, found \"nam\""),
    ("%y = Identity(%x) name(\"a\") name(\"b\")", 31, "'name' occurs twice"),
    ("%\"größe\" = Add(%x, %q)", 22, "nothing above defines %q"),
    ("\u{0}", 3, "expected a statement"),
  ]

  @Test("are named with their column and what stands there", arguments: statements)
  func namePlace(_ statement: String, _ column: Int, _ message: String) throws {
    let failure = try #require(mistake(statement: statement))
    // Column 0: a bracket is missing, which the closing brace of the graph tells.
    let place = column == 0 ? "t.qir:3:1" : "t.qir:2:\(column)"
    #expect(failure.place?.hasPrefix(place) == true, "\(failure)")
    #expect(failure.message.contains(message), "\(failure)")
  }

  @Test(
    "in the frame of a graph are named too",
    arguments: [
      ("", "t.qir:1:1", "expected 'graph'"),
      ("graf @g() -> () {}", "t.qir:1:1", "expected 'graph'"),
      ("graph g() -> () {}", "t.qir:1:7", "expected '@'"),
      ("graph @g() - () {}", "t.qir:1:12", "expected '->'"),
      ("graph @g() -> () {", "t.qir:1:19", "found the end of the text"),
      ("graph @g() -> () {} x", "t.qir:1:21", "expected the end of the text"),
      ("graph @g(%x: f32[], %x: f32[]) -> () {}", "t.qir:1:21", "defined twice"),
      ("graph @g() -> (%y: f32[]) {}", "t.qir:1:16", "nothing above defines %y"),
      ("graph @g(%x: f32[2]) -> (%x: f32[3]) {}", "t.qir:1:30", "output 'x' is f32[2], not f32[3]"),
    ])
  func nameFrame(_ text: String, _ place: String, _ message: String) throws {
    let failure = try #require(mistake(text))
    #expect(failure.place == place && failure.message.contains(message), "\(failure)")
  }

  @Test("offer the nearest name")
  func offerNames() throws {
    #expect(mistake(statement: "%y = Identty(%x)")?.hint == "did you mean 'Identity'?")
    #expect(mistake(statement: "%y = Add(%x, %X)")?.hint?.contains("'x'") == true)
  }

  @Test("a graph cut off anywhere is an error and never a crash")
  func cutAnywhere() throws {
    for seed: UInt64 in 0..<20 {
      let text = try RandomGraph.make(seed: seed).text()
      let scalars = Array(text.unicodeScalars)
      for end in stride(from: 0, to: scalars.count - 2, by: 7) {
        var cut = String.UnicodeScalarView()
        cut.append(contentsOf: scalars[..<end])
        #expect(mistake(String(cut)) != nil)
      }
    }
  }

  @Test("changed bytes never crash the parser")
  func changeBytes() throws {
    var random = SeededGenerator(seed: 7)
    let pieces = [
      "(", ")", "[", "]", "{", "}", "%", "_", "=", ",", "\"", "\n", "-", "*", "9", "nan(", "/",
    ]
    for seed: UInt64 in 0..<300 {
      var scalars = Array(try RandomGraph.make(seed: seed).text().unicodeScalars)
      for _ in 0..<3 {
        let at = Int.random(in: 0..<scalars.count, using: &random)
        let piece = pieces.randomElement(using: &random) ?? ""
        scalars.replaceSubrange(at..<min(at + 1, scalars.count), with: Array(piece.unicodeScalars))
      }
      var text = String.UnicodeScalarView()
      text.append(contentsOf: scalars)
      // Some changes make another valid graph, which prints as itself.
      guard let graph = try? Graph(text: String(text), registry: .testing) else { continue }
      #expect(try Graph(text: graph.text(), registry: .testing) == graph)
    }
  }

  @Test("hostile sizes end at once", .timeLimit(.minutes(1)))
  func endAtOnce() {
    let nested = String(repeating: "[", count: 200_000)
    #expect(mistake(statement: "%y = test.EveryAttribute(%x) {ints = \(nested)}") != nil)
    let digits = String(repeating: "9", count: 1_000_000)
    #expect(mistake(statement: "%y = test.EveryAttribute(%x) {int = \(digits)}") != nil)
    #expect(mistake(statement: "%y = test.EveryAttribute(%x) {float = 0.\(digits)}") != nil)
    #expect(mistake(statement: "constant %w: f32[\(digits)] = []") != nil)
    let ones = Array(repeating: "1", count: 100_000).joined(separator: ",")
    #expect(mistake(statement: "constant %w: f32[\(ones)] = [1.0]") != nil)
    // Every sum has two paths to the one before: 2^60 of them.
    var statements = "%0 = Add(%i, %i)\n"
    for index in 1..<60 { statements += "%\(index) = Add(%\(index - 1), %\(index - 1))\n" }
    #expect(mistake(statement: statements) == nil)
  }
}
