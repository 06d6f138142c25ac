import QATCore
import QATONNX
import Testing

/// Files that two readers could understand differently, or that make the reader itself misbehave.
@Suite("An ambiguous model file")
struct AmbiguousFileTests {
  private func weight(_ fields: Wire, type: Int) throws(Diagnostic) -> AnyTensor {
    let tensor = [.int(1, 1), .int(2, type), .text(8, "w")] as Wire + fields
    let graph = Wire.graph([.node("Relu", ["x"], ["y"])], .message(5, tensor))
    return try ModelFile(TensorStorage(bytes: Wire.model(graph))).graph.initializers[0].tensor
  }

  private func isRefused(_ fields: Wire, type: Int) -> Bool {
    do throws(Diagnostic) { _ = try weight(fields, type: type) } catch {
      return error.code == .malformedFile
    }
    return false
  }

  @Test("has true for every byte but 0, wherever the elements are", arguments: [0, 1, 2, 255])
  func flags(_ byte: UInt8) throws {
    let expected = AnyTensor(shape: [1], [byte != 0])
    #expect(try weight(.bytes(9, [byte]), type: 9) == expected)
    #expect(try weight(.bytes(5, Wire.varint(UInt64(byte))), type: 9) == expected)
    #expect(try weight(.int(5, Int(byte)), type: 9) == expected)
  }

  @Test("is refused for elements in a field of another type, or in two")
  func fields() throws {
    let one = [0, 0, 128, 63] as [UInt8]
    #expect(isRefused(.bytes(4, one), type: 6))  // float_data of an int32 tensor
    #expect(isRefused(.bytes(7, [1]), type: 6))  // int64_data of an int32 tensor
    #expect(isRefused([.bytes(9, one), .bytes(4, one)], type: 1))
    #expect(isRefused([.bytes(5, [1]), .bytes(7, [1])], type: 6))
    // An empty list beside the elements says nothing.
    #expect(
      try weight([.bytes(9, one), .bytes(4, [])], type: 1) == AnyTensor(shape: [1], [Float(1)]))
    #expect(
      try weight([.bytes(9, []), .bytes(4, one)], type: 1) == AnyTensor(shape: [1], [Float(1)]))
    #expect(isRefused([.bytes(9, []), .bytes(4, [])], type: 1))
  }

  @Test("is refused for numbers that the element type does not have")
  func ranges() throws {
    #expect(isRefused(.int(5, 300), type: 2))
    #expect(isRefused(.int(5, -129), type: 3))
    #expect(isRefused(.int(11, 1 << 32), type: 12))
    #expect(try weight(.int(5, -1), type: 3) == AnyTensor(shape: [1], [Int8(-1)]))
    #expect(try weight(.int(5, 255), type: 3) == AnyTensor(shape: [1], [Int8(-1)]))
    #expect(try weight(.int(5, 0xFFFF_FFFF), type: 6) == AnyTensor(shape: [1], [Int32(-1)]))
    #expect(try weight(.int(11, -1), type: 13) == AnyTensor(shape: [1], [UInt64.max]))
  }

  @Test("is refused for a field that may stand once and stands twice")
  func duplicates() throws {
    func isRefused(_ graph: Wire) -> Bool {
      do throws(Diagnostic) { _ = try ModelFile(TensorStorage(bytes: Wire.model(graph))) } catch {
        return error.code == .malformedFile
      }
      return false
    }
    let type = Wire.message(2, .message(1, .int(1, 1)))
    #expect(isRefused(.graph([.node("Relu", ["x"], ["y"], .text(4, "Tanh"))])))
    #expect(isRefused(.graph([], .message(13, [.text(1, "z"), type, type]))))
    #expect(isRefused(.graph([], .text(2, "another"))))
    let shape = Wire.message(2, .message(1, [.int(1, 2), .int(1, 3)]))
    #expect(isRefused(.graph([], .message(13, .message(2, .message(1, [.int(1, 1), shape]))))))
  }

  @Test("with a subgraph that takes much from outside is read in time linear in it")
  func captures() throws {
    let names = (0..<100_000).map { "v\($0)" }
    let body = Wire.message(6, .graph([.node("Sum", names, ["z"])]))
    let node = Wire.node(
      "If", ["x"], ["q"], .message(5, [.text(1, "then_branch"), body, .int(20, 5)]))
    let file = try ModelFile(TensorStorage(bytes: Wire.model(.graph([node]))))
    #expect(file.graph.nodes[0].captures == names + ["y"])
  }
}
