import Foundation
import QATCore
import QATIR
import QATONNX
import Testing

@Suite("External data")
struct ExternalDataTests {
  private func graph() throws -> Graph {
    var graph = Graph(name: "g")
    let x = graph.addInput("x", TensorType(.f32, [1]))
    var sum = x
    for (name, count) in [("small", 255), ("middle", 256), ("large", 1 << 18), ("last", 300)] {
      let w = graph.addConstant(name, AnyTensor(shape: [count], (0..<count).map { Float($0) }))
      let start = integers("\(name).s", 0, &graph), end = integers("\(name).e", 1, &graph)
      let slice = try graph.addNode(Slice(), [w, start, end], name: "")
      let add = try graph.addNode(Add(), [sum, graph[slice].result], name: "")
      sum = graph[add].result
    }
    graph.setOutputs([sum])
    return graph
  }

  private func integers(_ name: String, _ value: Int64, _ graph: inout Graph) -> ValueID {
    graph.addConstant(name, AnyTensor(shape: [1], [value]))
  }

  @Test("holds what is large, where it can be mapped, and reads back the same")
  func layout() throws {
    try withTemporaryFolder { folder in
      let graph = try graph(), path = folder + "/m.onnx"
      try Exporter.write(graph, to: path, externalData: .beside)
      #expect(try contents(of: folder).sorted() == ["m.onnx", "m.onnx.data"])
      #expect(try Importer.graph(contentsOf: path) == graph)
      let data = try Data(contentsOf: URL(filePath: folder + "/m.onnx.data"))
      // Middle from 0 on, large from 64 KiB on, last right behind it; small is in the model.
      #expect(data.count == 1 << 16 + 1 << 20 + 1200)
      #expect(data[4..<8].elementsEqual([0, 0, 0x80, 0x3f]))
      #expect(data[1024..<(1 << 16)].allSatisfy { $0 == 0 })
      #expect(data[(1 << 16) + 4..<(1 << 16) + 8].elementsEqual([0, 0, 0x80, 0x3f]))
      // Onto itself, which is being read.
      let again = try Importer.graph(contentsOf: path)
      try Exporter.write(again, to: path, externalData: .beside)
      #expect(try Importer.graph(contentsOf: path) == graph)
      try Exporter.write(again, to: path)
      #expect(try Importer.graph(contentsOf: path) == graph)
    }
  }

  @Test("goes into the model's folder and nowhere else")
  func names() throws {
    try withTemporaryFolder { folder in
      let graph = try graph(), path = folder + "/m.onnx"
      for name in ["", "../x", "/x", "a/../x", ".", "a/", "m.onnx"] {
        #expect(throws: Diagnostic.self) {
          try Exporter.write(graph, to: path, externalData: .file(name))
        }
      }
      #expect(throws: Diagnostic.self) {
        try Exporter.write(graph, to: "/dev/null", externalData: .beside)
      }
      // A folder that is not there: neither file is.
      #expect(throws: Diagnostic.self) {
        try Exporter.write(graph, to: path, externalData: .file("missing/w.bin"))
      }
      #expect(try contents(of: folder).isEmpty)
    }
  }

  @Test("stays as it was where the model can't be written")
  func together() throws {
    try withTemporaryFolder { folder in
      var graph = try graph()
      let path = folder + "/m.onnx"
      try Exporter.write(graph, to: path, externalData: .beside)
      graph.rename(graph.inputs[0], to: "a\0b")
      #expect(throws: Diagnostic.self) {
        try Exporter.write(graph, to: path, externalData: .beside)
      }
      #expect(try contents(of: folder).sorted() == ["m.onnx", "m.onnx.data"])
      #expect(try Importer.graph(contentsOf: path) == self.graph())
    }
  }
}
