import Foundation
import QATCore
import QATIR
import QATONNX
import Testing

@Suite("A hostile model file")
struct HostileFileTests {
  /// Two nodes, a weight, an attribute, a subgraph; the last byte belongs to a field that must be there.
  private static let sound = Wire.model(
    .graph(
      [
        .node("Mul", ["x", "w"], ["m"], .text(3, "scale")),
        .node(
          "If", ["m"], ["y"],
          .message(
            5,
            [
              .text(1, "then_branch"), .message(6, .graph([.node("Relu", ["m"], ["y"])])),
              .int(20, 5),
            ])),
      ],
      .message(5, .tensor("w", dims: [2], raw: [0, 0, 128, 63, 0, 0, 0, 64]))))

  /// What reading bytes ends with, as a code.
  private func code(_ bytes: [UInt8], folder: String? = nil) -> Diagnostic.Code? {
    do throws(Diagnostic) { try imported(bytes, folder: folder) } catch { return error.code }
    return nil
  }

  private func relu(_ more: Wire) -> [UInt8] {
    Wire.model(.graph([.node("Relu", ["x"], ["y"])], more))
  }
  private func weight(_ tensor: Wire) -> [UInt8] { relu(.message(5, tensor)) }

  @Test("is refused wherever it is cut off")
  func truncated() throws {
    try imported(Self.sound)
    for count in Self.sound.indices {
      #expect(code(Array(Self.sound[..<count])) != nil, "cut after \(count) bytes")
    }
  }

  @Test("with any byte changed is read or refused")
  func mutated() {
    var bytes = Self.sound
    for index in bytes.indices {
      let kept = bytes[index]
      for other in [0, 1, 0x7f, 0x80, 0xff, kept ^ 1, kept ^ 0x40, kept &+ 1] as [UInt8] {
        bytes[index] = other
        _ = code(bytes)
      }
      bytes[index] = kept
    }
  }

  @Test("says where it is wrong, and what to do")
  func place() {
    let bytes = weight([.int(1, 2), .int(2, 1), .text(8, "w"), .bytes(9, [0, 0, 0])])
    #expect {
      try imported(bytes)
    } throws: { error in
      guard let error = error as? Diagnostic else { return false }
      return error.code == .malformedFile && error.place?.contains("graph.initializer[0]") == true
        && error.place?.contains("byte") == true && error.hint != nil
    }
  }

  @Test("is refused for nesting", arguments: [101, 1_000, 20_000])
  func nested(_ depth: Int) {
    var graph = Wire.graph([.node("Relu", ["x"], ["y"])])
    for _ in 0..<min(depth, 1_000) {
      graph = .graph([
        .node("If", ["x"], ["y"], .message(5, [.text(1, "then_branch"), .message(6, graph)]))
      ])
    }
    // Deeper ones need no sense: the opening bytes alone would exhaust a stack.
    if depth > 1_000 {
      for _ in 0..<(depth - 1_000) { graph = .message(1, .message(5, .message(6, graph))) }
    }
    #expect(code(Wire.model(graph)) == .malformedFile)
  }

  @Test(
    "is refused for text that is none",
    arguments: [[0x61, 0, 0x62], [0xff], [0xc3], [0xed, 0xa0, 0x80]] as [[UInt8]])
  func text(_ name: [UInt8]) {
    let node = Wire.node("Relu", ["x"], ["y"]) + .bytes(3, name)
    #expect(code(Wire.model(.graph([node]))) == .malformedFile)
    let input = [.message(11, .bytes(1, name))] as Wire
    #expect(code(relu(input)) == .malformedFile)
  }

  @Test("is refused for weights that are not what they say")
  func weights() {
    for raw in [0, 1, 7, 9, 400] {
      #expect(
        code(weight(.tensor("w", dims: [2], raw: Array(repeating: 0, count: raw))))
          == .malformedFile)
    }
    let large = 1 << 40
    for dims in [
      [large, large], [-1], [1 << 62, 4], [large, large, 0], [0, 1 << 62, 1 << 62], [.max], [.min],
    ] {
      #expect(code(weight(.tensor("w", dims: dims, raw: []))) == .malformedFile, "\(dims)")
    }
    #expect(code(weight(.tensor("w", dims: [2], raw: [], type: 99))) == .unsupported)
    #expect(code(weight(.tensor("s", dims: [1], raw: [65], type: 8))) == .unsupported)
    // Two sources of data, of which only one can be right.
    #expect(
      code(weight(.tensor("w", dims: [1], raw: [0, 0, 0, 0]) + .bytes(9, [0, 0, 0, 0])))
        == .malformedFile)
  }

  @Test("of declared sizes beyond reason is refused or imported, never multiplied out")
  func declaredSizes() {
    for dims in [[1 << 47, 1 << 47], [-5], [0, 1 << 47], [1 << 50]] {
      let flatten = Wire.node("Flatten", ["z"], ["y2"])
      let bytes = Wire.model(
        .graph([.node("Relu", ["x"], ["y"]), flatten], .message(11, .value("z", dims: dims))))
      _ = code(bytes)
    }
  }

  @Test("reads no data from outside its folder")
  func externalData() throws {
    try withTemporaryFolder { outer in
      let folder = outer + "/model"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      try Data(repeating: 1, count: 64).write(to: URL(filePath: outer + "/secret.bin"))
      try Data(repeating: 0, count: 64).write(to: URL(filePath: folder + "/data.bin"))
      try FileManager.default.createSymbolicLink(
        atPath: folder + "/link.bin", withDestinationPath: outer + "/secret.bin")
      try FileManager.default.createSymbolicLink(atPath: folder + "/up", withDestinationPath: outer)
      func read(_ location: String, _ more: (String, String)...) -> Diagnostic.Code? {
        code(weight(.external("w", dims: [2], [("location", location)] + more)), folder: folder)
      }
      #expect(read("data.bin") == nil)
      #expect(read("data.bin", ("offset", "56"), ("length", "8")) == nil)
      for location in [
        "../secret.bin", "/etc/passwd", outer + "/secret.bin", "a/../../secret.bin", "link.bin",
        "up/secret.bin", "..", "",
      ] {
        #expect(read(location) == .malformedFile, "\(location)")
      }
      #expect(read("missing.bin") == .io)
      #expect(read(".") != nil)
      for (offset, length) in [
        ("57", "8"), ("-1", "8"), ("0", "4"), ("0", "-8"), ("x", "8"), ("9223372036854775807", "8"),
        ("0", "99999999999999999999"),
      ] {
        #expect(
          read("data.bin", ("offset", offset), ("length", length)) == .malformedFile,
          "\(offset) \(length)")
      }
      // Without a folder there is nowhere to look.
      #expect(code(weight(.external("w", dims: [2], [("location", "data.bin")]))) == .malformedFile)
    }
  }

  @Test("is refused for names that are defined twice, or nowhere")
  func names() {
    let y = Wire.node("Relu", ["x"], ["y"])
    #expect(code(Wire.model(.graph([y, y]))) == .malformedFile)
    #expect(code(Wire.model(.graph([.node("Relu", ["x"], ["x"]), y]))) == .malformedFile)
    let w = Wire.message(5, .tensor("w", dims: [1], raw: [0, 0, 0, 0]))
    #expect(code(relu(w + w)) == .malformedFile)
    #expect(code(Wire.model(.graph([.node("Relu", ["nowhere"], ["y"])]))) == .malformedFile)
    #expect(code(Wire.model(.graph([.node("Relu", ["x"], ["z"])]))) == .malformedFile)
    // A cycle is a use before the definition.
    let cycle = [Wire.node("Relu", ["a"], ["b"]), .node("Relu", ["b"], ["a"]), y]
    #expect(code(Wire.model(.graph(cycle))) == .malformedFile)
  }

  @Test("is refused where messages are not what they should be")
  func messages() {
    #expect(code([]) == .malformedFile)
    #expect(code(Wire.int(1, 8).bytes) == .malformedFile)  // no graph
    let graph = Wire.message(7, .graph([.node("Relu", ["x"], ["y"])]))
    let opset = Wire.message(8, .int(2, 17))
    #expect(code((graph + graph + opset).bytes) == .malformedFile)
    #expect(code((graph + opset + Wire([0x3b])).bytes) == .malformedFile)  // a group
    #expect(code((graph + opset + Wire([0x00, 0x00])).bytes) == .malformedFile)  // field 0
    #expect(code((graph + opset + Wire(.init(repeating: 0x80, count: 11))).bytes) == .malformedFile)
    #expect(code((Wire.int(7, 1) + opset).bytes) == .malformedFile)  // a graph that is a number
    #expect(code(Wire.model(.graph([]))) == .malformedFile)  // outputs that nothing computes
    #expect(code(Wire.model([.text(2, "g")])) == .malformedFile)  // no outputs
    // Unknown fields are for later versions.
    #expect(code((graph + opset + .int(999, 1)).bytes) == nil)
  }

  @Test("of an opset that is not read is refused", arguments: [0, 29, 1 << 40, -1])
  func opset(_ opset: Int) {
    #expect(code(Wire.model(.graph([.node("Relu", ["x"], ["y"])]), opset: opset)) == .unsupported)
  }
}
