import QATCore
import QATIR
import QATONNX
import Testing

/// What stands between a file's bytes and libprotobuf-c.
@Suite("The scan of a model file")
struct WireScanTests {
  private func mistake(_ bytes: [UInt8]) -> Diagnostic? {
    do throws(Diagnostic) { _ = try ModelFile(TensorStorage(bytes: bytes)) } catch { return error }
    return nil
  }

  private func model(_ more: Wire) -> [UInt8] {
    Wire.model(.graph([.node("Relu", ["x"], ["y"])], more))
  }

  @Test("names the path of fields and the byte of each mistake")
  func places() throws {
    let node = Wire.node("Relu", ["x"], ["z"])
    for (bytes, place) in [
      (Wire.model(.graph([node, node + .bytes(3, [0xff])])), "(graph.node[1])"),
      (
        model(.message(13, .message(2, .message(1, .message(2, .message(1, .text(1, "4"))))))),
        "(graph.value_info[0].type.tensor_type.shape.dim[0])"
      ),
      (model(.message(5, .message(13, .bytes(1, [0])))), "(graph.initializer[0].external_data[0])"),
      (
        Wire.model(.graph([node + .message(5, .message(5, .int(8, 1)))])),
        "(graph.node[0].attribute[0].t)"
      ),
      (
        Wire.model(
          .graph([node + .message(5, .message(6, .graph([.text(3, "a") + .text(3, "b")])))])),
        "(graph.node[0].attribute[0].g.node[0])"
      ),
    ] {
      let error = try #require(mistake(bytes))
      #expect(error.code == .malformedFile && error.place?.hasSuffix(place) == true, "\(error)")
      #expect(error.place?.hasPrefix("byte ") == true)
    }
  }

  /// Decoded fields of bytes are 16 bytes, a place and a length; a file's own must not be taken for
  /// one, of whatever length.
  @Test("lets no file pass bytes of its own for a place in it", arguments: [0, 8, 16, 24, 65])
  func tokens(_ count: Int) throws {
    let raw = (0..<count).map { _ in UInt8(1) }
    let tensor = Wire.tensor("w", dims: [count], raw: raw, type: 2)
    let place = Wire.bytes(536_870_911, (0..<16).map { UInt8($0 == 8 ? 200 : 0) })
    for more in [tensor, tensor + place, place + tensor] {
      let file = try ModelFile(TensorStorage(bytes: model(.message(5, more))))
      #expect(file.graph.initializers[0].tensor == AnyTensor(shape: [count], raw))
      // It is a field like any other, and stays.
      let rest = file.graph.initializerRests["w"]?.bytes ?? []
      #expect(rest == (more.bytes == tensor.bytes ? [] : place.bytes))
    }
  }

  @Test("bounds the memory that a file's messages take by the file's size")
  func amplification() throws {
    // A million empty nodes in two megabytes: each would be a struct of some 180 bytes.
    let nodes = Wire(Array(repeatElement([0x0a, 0] as [UInt8], count: 1_000_000).joined()))
    let error = try #require(mistake(([.int(1, 8), .message(7, nodes)] as Wire).bytes))
    #expect(error.message.contains("room"))
    // So many in a small file take little.
    let few = Wire(Array(repeatElement([0x0a, 0] as [UInt8], count: 1_000).joined()))
    #expect(mistake(([.int(1, 8), .message(7, few)] as Wire).bytes) == nil)
  }

  @Test("refuses two members of a choice of one")
  func unions() throws {
    let both = [.int(1, 3), .text(2, "N")] as Wire
    let shape = Wire.message(2, .message(1, both))
    let type = Wire.message(2, .message(1, [.int(1, 1), shape]))
    #expect(mistake(model(.message(13, [.text(1, "z"), type])))?.code == .malformedFile)
  }

  @Test("takes numbers that are longer than they must be, and lists packed or not")
  func encodings() throws {
    // The tag of `dims` and its number in more bytes than needed.
    let long = Wire([0x88, 0x80, 0x00, 0x82, 0x80, 0x80, 0x00])
    let raw = Wire.bytes(9, [0, 0, 128, 63, 0, 0, 0, 64])
    for dims in [long, .int(1, 2), .bytes(1, [2])] {
      let tensor = dims + [.int(2, 1), .text(8, "w"), raw]
      let file = try ModelFile(TensorStorage(bytes: model(.message(5, tensor))))
      #expect(file.graph.initializers[0].tensor == AnyTensor(shape: [2], [Float(1), 2]))
    }
  }
}
