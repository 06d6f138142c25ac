import QATCore
import Testing

@testable import QATIR

@Suite("The text form")
struct RoundTripTests {
  /// Parses what was printed and expects an equal graph and the same text.
  @discardableResult
  func roundTrip(_ graph: Graph, blobs: BlobMode = .inline) throws -> String {
    let text = graph.text(blobs: blobs)
    var source = InMemoryBlobs()
    if case .sideFile(let writer) = blobs { source = InMemoryBlobs(writer) }
    let parsed = try Graph(text: text, registry: .testing, blobs: source, fileName: "test.qir")
    #expect(parsed == graph, "\(text)")
    #expect(parsed.text() == graph.text())
    return text
  }

  @Test("looks as documented and parses back")
  func printSmallGraph() throws {
    var graph = Graph(name: "small")
    graph.metadata = ["producer": "a test"]
    let x = graph.addInput("x", TensorType(.f32, [Dimension(symbol: "N"), 2]))
    // Made first, used last: the text lists it by use.
    let late = graph.addConstant("late", AnyTensor(shape: [2], [Float.infinity, -0.0]))
    let w = graph.addVariable("w", AnyTensor(shape: [2], [Float(1), 2.5]))
    let sum = try graph.emit(Add(), [x, w], name: "plus", result: "sum")
    let fork = try graph.addNode(
      Fork(), [sum], name: "", results: ["a", nil], origins: ["split_3"], metadata: ["rule": "all"])
    let y = try graph.addNode(Add(), [graph[fork].result, late], name: "", results: ["y"])
    try graph.addNode(TestAssign(), [w, late], name: "update", results: [])
    graph.setOutputs([graph[y].result])
    #expect(
      try roundTrip(graph) == """
        graph @small(%x: f32[N,2]) -> (%y: f32[N,2]) {
          metadata {producer = "a test"}
          variable %w: f32[2] = [1.0, 2.5]
          constant %late: f32[2] = [inf, -0.0]
          %sum = Add(%x, %w) : f32[N,2] name("plus")
          %a, _ = test.Fork(%sum) : f32[N,2], _ from("split_3") note("rule" = "all")
          %y = Add(%a, %late) : f32[N,2]
          qat.Assign(%w, %late) name("update")
        }

        """)
  }

  @Test("keeps every kind of attribute")
  func keepAttributes() throws {
    var op = EveryAttribute()
    op.int = .min
    op.float = Float.leastNonzeroMagnitude
    op.string = "SAME_UPPER"
    op.flag = true
    op.ints = []
    op.floats = [.nan, -.infinity, 0.1, 3, -0.0]
    op.strings = ["a", "nan", "1", "b c"]
    op.tensor = AnyTensor(shape: [2, 2], [Float(1), 2, 3, 4])
    op.grid = try IntegerGrid(bits: 4, signed: false, narrow: true)
    op.maybe = [1]
    var graph = Graph(name: "attributes")
    let x = graph.addInput("x", TensorType(.f32, []))
    let node = try graph.addNode(op, [x], name: "y")
    graph.setOutputs([graph[node].result])
    let text = try roundTrip(graph)
    #expect(
      text.contains(
        """
        {int = -9223372036854775808, float = 1e-45, string = SAME_UPPER, flag = 1, ints = ints [], \
        floats = [nan(0x7fc00000), -inf, 0.1, 3.0, -0.0], strings = [a, "nan", "1", "b c"], \
        tensor = dense f32[2,2] [1.0, 2.0, 3.0, 4.0], grid = u4n, maybe = [1]}
        """), "\(text)")
  }

  @Test("keeps an attribute that differs from its default by the sign of zero alone")
  func keepNegativeZero() throws {
    var op = EveryAttribute()
    op.float = -0.0
    var graph = Graph(name: "g")
    let x = graph.addInput("x", TensorType(.f32, []))
    try graph.addNode(op, [x], name: "y")
    #expect(try roundTrip(graph).contains("{float = -0.0}"))
  }

  @Test("keeps every element of every narrow type", arguments: ElementType.allCases)
  func keepElements(_ element: ElementType) throws {
    // All bit patterns of types up to 16 bits, the ends of larger ones.
    let bits = element.bitWidth
    var bytes: [UInt8] = []
    switch bits {
    case 0: break
    case 6: bytes = Array(0...254)  // whole elements
    case 1...8: bytes = element == .bool ? [0, 1] : Array(0...255)
    case 16: bytes = (0...UInt16.max).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
    default:
      for top: UInt8 in [0, 1, 0x3f, 0x7f, 0x80, 0xff] {
        for middle: UInt8 in [0, 0x80, 0xc0, 0xf0, 0xff] {
          bytes += Array(repeating: middle, count: bits / 8 - 1) + [top]
        }
      }
    }
    let count = bits == 0 ? 0 : bytes.count * 8 / bits
    let tensor = AnyTensor(element, shape: [count], storage: TensorStorage(bytes: bytes))
    var graph = Graph(name: "elements")
    let value = graph.addConstant("w", tensor)
    graph.addVariable("none", AnyTensor(element, shape: [0, 3], storage: TensorStorage(bytes: [])))
    graph.setOutputs([value])
    #expect(!(try roundTrip(graph).contains("hex")))
  }

  @Test("keeps bytes that no element can say")
  func keepOddBytes() throws {
    var graph = Graph(name: "odd")
    graph.addConstant("flags", AnyTensor(.bool, shape: [2], storage: TensorStorage(bytes: [2, 0])))
    graph.addConstant("padding", AnyTensor(.i4, shape: [1], storage: TensorStorage(bytes: [0x31])))
    #expect(try roundTrip(graph).contains("i4[1] = hex\"31\""))
  }

  @Test("keeps random graphs", arguments: 0..<300)
  func keepRandomGraphs(seed: Int) throws {
    let graph = try RandomGraph.make(seed: UInt64(seed))
    try roundTrip(graph)
    try roundTrip(graph, blobs: .sideFile(BlobWriter(fileName: "random \"1\".blob")))
    try graph.verify()
  }

  @Test("puts large contents into a side file, aligned and once")
  func useSideFile() throws {
    var graph = Graph(name: "large")
    let tensor = AnyTensor(shape: [17], (0..<17).map(Float.init))
    graph.addConstant("a", tensor)
    graph.addConstant("b", tensor)
    graph.addVariable("c", AnyTensor(shape: [3, 7], (0..<21).map(Int8.init)))
    let writer = BlobWriter(fileName: "large.blob")
    let text = try roundTrip(graph, blobs: .sideFile(writer))
    #expect(text.contains("%b: f32[17] = blob(\"large.blob\", 0)"))
    #expect(text.contains("%c: i8[3,7] = blob(\"large.blob\", 128)"))
    #expect(writer.byteCount == 128 + 21 && writer.bytes.count == writer.byteCount)
    let short = InMemoryBlobs(["large.blob": Array(writer.bytes.dropLast())])
    let failure = #expect(throws: Diagnostic.self) { try Graph(text: text, blobs: short) }
    #expect(failure?.code == .malformedFile)
    #expect(throws: Diagnostic.self) { try Graph(text: text) }
  }

  @Test("says that an elided text can't be parsed")
  func elide() throws {
    var graph = Graph(name: "large")
    graph.addConstant("a", AnyTensor(shape: [17], (0..<17).map(Float.init)))
    let text = graph.text(blobs: .elided)
    #expect(text.contains("%a: f32[17] = dense<17 elements, 0.0...16.0>"))
    let failure = #expect(throws: Diagnostic.self) { try Graph(text: text) }
    #expect(failure?.message.contains("left out") == true)
  }

  @Test("takes comments, line breaks in lists and types left out")
  func parseByHand() throws {
    let graph = try Graph(
      text: """
        // A comment in front.
        graph @g(%x: f32[2],  // the input
                 %/not/a/comment: f32[2]) -> (%z: f32[2]) {
          constant %w: f32[2] = [
            1, // an integer will do
            2.5
          ]
          %y = Add(
            %x, %w)

          %z = Add(%y, %/not/a/comment) // the end
        } // and behind
        """, registry: .testing)
    #expect(graph.nodeCount == 2)
    #expect(graph[try #require(graph.value(named: "z"))].type.description == "f32[2]")
    try roundTrip(graph)
  }

  @Test("of graphs that differ in a name or a constant says that they are not equal")
  func compareGraphs() throws {
    let text = "graph @g(%x: f32[2]) -> (%y: f32[2]) {\n  %y = Identity(%x) : f32[2]\n}\n"
    let graph = try Graph(text: text, registry: .testing)
    #expect(graph.text() == text)
    var edited = graph
    let extra = edited.addConstant("extra", AnyTensor(Float(1)))
    #expect(edited != graph)
    edited.remove(extra)
    #expect(edited == graph)
    for change in ["@g", "%x", "%y", "Identity"] {
      let other = text.replacing(change, with: change + "1")
      #expect(try Graph(text: other, registry: .testing) != graph, "\(change)")
    }
  }

  @Test("reads 20,000 nodes quickly", .timeLimit(.minutes(1)))
  func parseLargeGraph() throws {
    var graph = Graph(name: "large")
    var value = graph.addInput("x", TensorType(.f32, [Dimension(symbol: "N"), 64, 7, 7]))
    let w = graph.addConstant(
      "w", AnyTensor(shape: [64, 1, 1], Array(repeating: Float(0.1), count: 64)))
    for index in 0..<20_000 {
      value = try graph.emit(Add(), [value, w], name: "", result: "/layer/\(index)/Add_output")
    }
    graph.setOutputs([value])
    let parsed = try Graph(text: graph.text(), registry: .testing)
    try parsed.verify()
    #expect(parsed == graph)
  }

  @Test("draws every node and escapes labels")
  func draw() throws {
    let graph = try Graph(
      text: """
        graph @"a \\"b\\""(%x: f32[N]) -> (%y: f32[N]) {
          constant %w: f32[] = [1.0]
          %y = Add(%x, %w) : f32[N]
        }
        """, registry: .testing)
    let dot = graph.dot
    #expect(dot.hasPrefix("digraph \"a \\\"b\\\"\" {\n"))
    #expect(dot.contains("n0 [label=\"Add\\ny\\n%w: f32[]\"];"))
    #expect(dot.contains("in0 -> n0 [label=\"f32[N]\"];") && dot.contains("n0 -> out0"))
  }
}
