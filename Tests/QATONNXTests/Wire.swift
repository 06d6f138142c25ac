import QATCore
import QATIR
import QATONNX

/// Protobuf messages written by hand, so that tests can write wrong ones.
struct Wire: ExpressibleByArrayLiteral {
  var bytes: [UInt8]

  init(_ bytes: [UInt8] = []) { self.bytes = bytes }
  init(arrayLiteral parts: Wire...) { bytes = parts.flatMap(\.bytes) }

  static func varint(_ number: UInt64) -> [UInt8] {
    var rest = number, result: [UInt8] = []
    while rest >= 0x80 {
      result.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    return result + [UInt8(rest)]
  }

  static func int(_ field: Int, _ number: Int) -> Wire {
    Wire(varint(UInt64(field) << 3) + varint(UInt64(bitPattern: Int64(number))))
  }
  static func bytes(_ field: Int, _ bytes: [UInt8]) -> Wire {
    Wire(varint(UInt64(field) << 3 | 2) + varint(UInt64(bytes.count)) + bytes)
  }
  static func text(_ field: Int, _ text: String) -> Wire { bytes(field, Array(text.utf8)) }
  static func message(_ field: Int, _ inner: Wire) -> Wire { bytes(field, inner.bytes) }
}

// Field numbers as in schemas/onnx.proto.
extension Wire {
  static func tensor(_ name: String, dims: [Int], raw: [UInt8], type: Int = 1) -> Wire {
    Wire(dims.flatMap { int(1, $0).bytes }) + [int(2, type), text(8, name), bytes(9, raw)]
  }

  /// Data in another file.
  static func external(_ name: String, dims: [Int], _ entries: [(String, String)]) -> Wire {
    Wire(dims.flatMap { int(1, $0).bytes }) + [int(2, 1), text(8, name)]
      + Wire(entries.flatMap { message(13, [text(1, $0.0), text(2, $0.1)]).bytes }) + int(14, 1)
  }

  static func value(_ name: String, dims: [Int] = [2]) -> Wire {
    let shape = Wire(dims.flatMap { message(1, int(1, $0)).bytes })
    return [text(1, name), message(2, message(1, [int(1, 1), message(2, shape)]))]
  }

  static func node(_ op: String, _ inputs: [String], _ outputs: [String], _ more: Wire = []) -> Wire
  {
    Wire(inputs.flatMap { text(1, $0).bytes }) + Wire(outputs.flatMap { text(2, $0).bytes })
      + text(4, op) + more
  }

  /// A graph `x -> y` with more fields of the graph.
  static func graph(_ nodes: [Wire], _ more: Wire = []) -> Wire {
    Wire(nodes.flatMap { message(1, $0).bytes }) + text(2, "g") + more
      + [message(11, value("x")), message(12, value("y"))]
  }

  static func model(_ graph: Wire, opset: Int = 17) -> [UInt8] {
    ([int(1, 8), message(7, graph), message(8, int(2, opset))] as Wire).bytes
  }

  static func + (a: Wire, b: Wire) -> Wire { Wire(a.bytes + b.bytes) }
}

/// The graph of a model given as bytes.
@discardableResult
func imported(_ bytes: [UInt8], folder: String? = nil) throws(Diagnostic) -> Graph {
  try Importer.graph(of: ModelFile(TensorStorage(bytes: bytes), folder: folder))
}
