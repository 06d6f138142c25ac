import QATCore
import QATIR
import QATONNX
import Testing

@Suite("What the graph has no place for")
struct AttachmentTests {
  /// A model with documentation everywhere.
  private func sample() throws -> Graph {
    let unknown = Wire.text(900, "later")
    let weight =
      Wire.tensor("w", dims: [2], raw: [0, 0, 128, 63, 0, 0, 0, 64]) + .text(12, "a weight")
    let nodes: [Wire] = [
      .node("Mul", ["x", "w"], ["m"], [.text(3, "scale"), .text(6, "scales"), unknown]),
      .node("Relu", ["m"], ["y"], .text(3, "act")),
    ]
    let value = Wire.value("m") + .text(3, "a value")
    let graph = Wire.graph(nodes, [.message(5, weight), .message(13, value), .text(10, "a graph")])
    return try imported(Wire.model(graph) + Wire.text(6, "a model").bytes)
  }

  @Test("is attached by name, and written back")
  func roundTrip() throws {
    let graph = try sample()
    #expect(
      graph.livingAttachments.map(\.part) == [
        .model, .graph, .node("scale"), .value("m"), .tensor("w"),
      ])
    let file = try Exporter.file(of: graph)
    #expect(file.docString == "a model" && file.graph.docString == "a graph")
    #expect(file.graph.nodes[0].docString == "scales" && file.graph.nodes[1].docString.isEmpty)
    try withTemporaryFolder { folder in
      try file.write(to: folder + "/m.onnx")
      #expect(try Importer.graph(contentsOf: folder + "/m.onnx") == graph)
    }
  }

  @Test("survives the text form")
  func text() throws {
    let graph = try sample()
    #expect(graph.text().contains(#"attached tensor "w" = hex"62086120776569676874""#))
    #expect(try Graph(text: graph.text()) == graph)
  }

  @Test("goes with the name that it is attached to")
  func names() throws {
    var graph = try sample()
    let node = try #require(graph.node(named: "scale"))
    let value = try #require(graph.value(named: "m"))
    let input = try #require(graph.value(named: "x"))
    try graph.replaceAllUses(of: value, with: input)
    graph.remove(node)
    #expect(graph.livingAttachments.map(\.part) == [.model, .graph, .tensor("w")])
    #expect(try Importer.graph(of: Exporter.file(of: graph)) == graph)
  }

  @Test("is refused where it is no message")
  func malformed() throws {
    for part in [Graph.Part.model, .graph, .node("scale"), .value("m"), .tensor("w")] {
      var graph = try sample()
      graph.attachments[part] = [0xff]
      try withTemporaryFolder { folder in
        let error = #expect(throws: Diagnostic.self) {
          try Exporter.write(graph, to: folder + "/m.onnx")
        }
        #expect(error?.code == .malformedFile)
        let left = try contents(of: folder)
        #expect(left.isEmpty)
      }
    }
  }

  @Test("can't smuggle contents into a file")
  func smuggling() throws {
    var graph = try sample()
    graph.attachments[.node("scale")] = Wire.node("Other", ["w"], ["q"]).bytes
    graph.attachments[.tensor("w")] = Wire.tensor("v", dims: [9], raw: [1]).bytes
    graph.attachments[.graph] = Wire.graph([.node("Other", [], [])]).bytes
    try withTemporaryFolder { folder in
      try Exporter.write(graph, to: folder + "/m.onnx")
      let back = try Importer.graph(contentsOf: folder + "/m.onnx")
      #expect(back.nodeCount == 2)
      graph.attachments = back.attachments
      #expect(back == graph)
    }
  }

  @Test("of a name with a NUL is refused in writing")
  func nul() throws {
    var graph = try sample()
    let value = try #require(graph.value(named: "m"))
    graph.rename(value, to: "m\0n")
    try withTemporaryFolder { folder in
      let error = #expect(throws: Diagnostic.self) {
        try Exporter.write(graph, to: folder + "/m.onnx")
      }
      #expect(error?.code == .unsupported && error?.message.contains("NUL") == true)
    }
  }
}
