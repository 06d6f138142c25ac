import Foundation
import QATCore
import QATIR
import QATONNX
import Testing

@Suite("A model file")
struct ModelFileTests {
  /// A file with something in every place.
  private func sample() -> ModelFile {
    var file = ModelFile()
    (file.producerName, file.producerVersion, file.domain) = ("p", "1.2", "org.example")
    (file.modelVersion, file.docString, file.irVersion) = (3, "what it is", 8)
    file.opsets = ["": 17, "custom": 2]
    file.metadata = ["k": "v", "a": "ü"]
    file.graph.name = "g"
    file.graph.docString = "a graph"
    file.graph.metadata = ["inner": "1"]
    file.graph.inputs = [ValueFile("x", TensorType(.f32, [Dimension(symbol: "N"), 4]))]
    file.graph.initializers = [
      ("w", AnyTensor(shape: [4, 3], (0..<12).map { Float($0) })),
      ("large", AnyTensor(shape: [100], (0..<100).map { Int64($0) })),
      ("none", AnyTensor(shape: [0], [Float]())),
    ]
    var product = NodeFile()
    (product.name, product.opType) = ("product", "MatMul")
    (product.inputs, product.outputs) = (["x", "w"], ["h"])
    product.metadata = ["layer": "1"]
    var custom = NodeFile()
    (custom.name, custom.opType, custom.domain) = ("it", "Thing", "custom")
    (custom.inputs, custom.outputs) = (["h", "", "large"], ["y", "", "z"])
    custom.attributes = [
      ("i", .int(-3)), ("f", .float(.infinity)), ("s", .string("text")),
      ("is", .ints([1, -2, .max])),
      ("fs", .floats([0, -0.0, 0.5])), ("ss", .strings(["a", ""])),
      ("t", .tensor(AnyTensor(shape: [2], [UInt8(1), 255]))),
    ]
    file.graph.nodes = [product, custom]
    file.graph.values = [ValueFile("h", TensorType(.f32, [Dimension(symbol: "N"), 3]))]
    file.graph.outputs = [
      ValueFile("y", TensorType(.f32, [Dimension(symbol: "N"), 3])), ValueFile("z", nil),
    ]
    return file
  }

  @Test("reads back as it was written")
  func roundTrip() throws {
    try withTemporaryFolder { folder in
      let file = sample(), path = folder + "/model.onnx"
      try file.write(to: path)
      let back = try ModelFile(path: path)
      #expect(
        back.producerName == "p" && back.producerVersion == "1.2" && back.domain == "org.example")
      #expect(back.modelVersion == 3 && back.docString == "what it is" && back.irVersion == 8)
      #expect(back.opsets == file.opsets && back.metadata == file.metadata)
      #expect(back.graph.docString == "a graph" && back.graph.metadata == ["inner": "1"])
      #expect(back.graph.initializers.map(\.name) == ["w", "large", "none"])
      for (a, b) in zip(back.graph.initializers, file.graph.initializers) {
        #expect(a.tensor == b.tensor)
      }
      for (a, b) in zip(back.graph.nodes, file.graph.nodes) {
        #expect(
          a.inputs == b.inputs && a.outputs == b.outputs && a.name == b.name && a.domain == b.domain
        )
        #expect(a.metadata == b.metadata && a.attributes.map(\.name) == b.attributes.map(\.name))
        #expect(a.attributes.map(\.value) == b.attributes.map(\.value))
      }
      #expect(back.graph.inputs.map(\.type) == file.graph.inputs.map(\.type))
      #expect(back.graph.outputs.map(\.type) == file.graph.outputs.map(\.type))
      try back.write(to: folder + "/again.onnx")
      #expect(
        try Data(contentsOf: URL(filePath: path))
          == Data(contentsOf: URL(filePath: folder + "/again.onnx")))
      #expect(try contents(of: folder).sorted() == ["again.onnx", "model.onnx"])
    }
  }

  @Test("becomes a graph that exports to an equal graph")
  func graphRoundTrip() throws {
    let graph = try Importer.graph(of: sample())
    let again = try Importer.graph(of: Exporter.file(of: graph))
    #expect(again == graph)
    #expect(
      graph.value(named: "h").map { graph[$0].type }
        == TensorType(.f32, [Dimension(symbol: "N"), 3]))
  }

  @Test("may be written over the file that it is read from")
  func overItself() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/model.onnx"
      try sample().write(to: path)
      let graph = try Importer.graph(contentsOf: path)
      try Exporter.write(graph, to: path)
      #expect(try Importer.graph(contentsOf: path) == graph)
    }
  }

  @Test("that can't be written leaves nothing behind")
  func unwritable() throws {
    try withTemporaryFolder { folder in
      #expect(throws: Diagnostic.self) { try sample().write(to: folder + "/missing/model.onnx") }
      try FileManager.default.createDirectory(
        atPath: folder + "/folder.onnx", withIntermediateDirectories: false)
      #expect(throws: Diagnostic.self) { try sample().write(to: folder + "/folder.onnx") }
      #expect(try contents(of: folder) == ["folder.onnx"])
      #expect(try contents(of: folder + "/folder.onnx").isEmpty)
      // Permissions bind everybody but the administrator.
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o500], ofItemAtPath: folder + "/folder.onnx")
      if !FileManager.default.isWritableFile(atPath: folder + "/folder.onnx") {
        #expect(throws: Diagnostic.self) {
          try sample().write(to: folder + "/folder.onnx/model.onnx")
        }
        #expect(try contents(of: folder + "/folder.onnx").isEmpty)
      }
      #if os(Linux)
        #expect {
          try sample().write(to: "/dev/full")
        } throws: { ($0 as? Diagnostic)?.code == .io && ($0 as? Diagnostic)?.hint != nil }
      #endif
    }
  }

  @Test("that is missing, or no file, is an error with its path")
  func unreadable() throws {
    try withTemporaryFolder { folder in
      for path in [folder + "/missing.onnx", folder] {
        #expect {
          try ModelFile(path: path)
        } throws: { ($0 as? Diagnostic)?.code == .io && ($0 as? Diagnostic)?.place == path }
      }
    }
  }

  @Test("keeps the subgraphs of unknown operations byte for byte, and what they capture")
  func opaque() throws {
    let branch = Wire([
      .text(1, "then_branch"),
      .message(6, .graph([.node("Add", ["outer", "x2"], ["y"])]) + .int(777, 5)), .int(20, 5),
    ])
    let bytes = Wire.model(
      .graph([
        .node("Relu", ["x"], ["outer"]), .node("Relu", ["outer"], ["x2"]),
        .node("Branch", ["x"], ["y"], .message(5, branch)),
      ]))
    let graph = try imported(bytes)
    let node = try #require(graph.nodes.last)
    #expect(graph[node].op is Opaque)
    #expect(graph[node].operands.map { $0.map { graph[$0].name } } == ["x", "outer", "x2"])
    #expect(graph[node].op.attributeValues.first?.value == .raw(branch.bytes))

    let file = try Exporter.file(of: graph)
    #expect(file.graph.nodes.last?.inputs == ["x"])
    try withTemporaryFolder { folder in
      try file.write(to: folder + "/m.onnx")
      let back = try ModelFile(path: folder + "/m.onnx")
      #expect(back.graph.nodes.last?.attributes.first?.value == .raw(branch.bytes))
      #expect(back.graph.nodes.last?.captures == ["outer", "x2"])
      #expect(try Importer.graph(of: back) == graph)
    }
  }
}

extension Wire {
  init(_ parts: [Wire]) { self.init(parts.flatMap(\.bytes)) }
}
