import CProtobufC
import CQATSchema
import QATCore
import QATIR

extension ModelWriter {
  /// Puts attributes into a node, each starting from the one of its name in `old`.
  func setAttributes(
    _ attributes: [(name: String, value: AttributeValue)],
    _ subgraphs: [(name: String, graph: GraphFile)], of node: inout Qat__Onnx__Node,
    from old: Qat__Onnx__Node
  ) throws(Diagnostic) {
    var rests: [String: UnsafeMutablePointer<Qat__Onnx__Attribute>] = unsafe [:]
    for index in 0..<(unsafe old.n_attribute) {
      guard let rest = unsafe old.attribute[index] else { continue }
      unsafe rests[text(rest.pointee.name)] = unsafe rest
    }
    let hasRaw = attributes.contains { if case .raw = $0.value { true } else { false } }
    var messages: [UnsafeMutablePointer<Qat__Onnx__Attribute>?] = unsafe []
    var fields = unsafe Array(elements(Int(node.base.n_unknown_fields), node.base.unknown_fields))
    for (name, value) in attributes {
      if case .raw(let bytes) = value {
        unsafe fields.append(field(bytes))
        continue
      }
      let message = unsafe attribute(name, value, from: rests[name])
      if case .graph = value, let graph = subgraphs.first(where: { $0.name == name })?.graph {
        let body = unsafe try self.graph(graph, isBody: true)
        unsafe (message.pointee.has_g, message.pointee.g) = unsafe (
          1, arena.data(body.pointee.packed)
        )
        unsafe message.pointee.type = 5
      }
      if hasRaw {
        unsafe fields.append(field(message.pointee.packed))
      } else {
        unsafe messages.append(message)
      }
    }
    unsafe node.n_attribute = messages.count
    unsafe node.attribute = unsafe arena.list(messages)
    unsafe node.base.n_unknown_fields = UInt32(fields.count)
    unsafe node.base.unknown_fields = unsafe arena.list(fields)
  }

  private func attribute(
    _ name: String, _ value: AttributeValue, from rest: UnsafeMutablePointer<Qat__Onnx__Attribute>?
  ) -> UnsafeMutablePointer<Qat__Onnx__Attribute> {
    let message = unsafe rest ?? arena.copy(Qat__Onnx__Attribute.empty)
    let oldTensor = unsafe message.pointee.t
    var fields = unsafe message.pointee.leftovers
    unsafe fields.name = unsafe arena.text(name)
    unsafe fields.has_type = 1
    switch value {
    case .float(let float):
      unsafe (fields.has_f, fields.f, fields.type) = (1, float, 1)
    case .int(let int):
      unsafe (fields.has_i, fields.i, fields.type) = (1, Int64(int), 2)
    case .string(let string):
      unsafe (fields.has_s, fields.s, fields.type) = unsafe (1, arena.data(Array(string.utf8)), 3)
    case .tensor(let tensor):
      let inner = unsafe oldTensor ?? arena.copy(Qat__Onnx__Tensor.empty)
      unsafe inner.pointee.setContents(to: tensor.resident, arena)
      unsafe (fields.t, fields.type) = unsafe (inner, 4)
    case .floats(let floats):
      unsafe (fields.n_floats, fields.floats, fields.type) = unsafe (
        floats.count, arena.list(floats), 6
      )
    case .ints(let ints):
      unsafe (fields.n_ints, fields.ints, fields.type) = unsafe (
        ints.count, arena.list(ints.map { Int64($0) }), 7
      )
    case .strings(let strings):
      unsafe (fields.n_strings, fields.strings, fields.type) = unsafe (
        strings.count, arena.list(strings.map { unsafe arena.data(Array($0.utf8)) }), 8
      )
    case .graph: break  // The caller puts it in.
    case .raw: unsafe fields.has_type = 0
    }
    unsafe message.pointee = unsafe fields
    return unsafe message
  }

  /// The bytes of an attribute as a field that libprotobuf-c writes as it is. Where a node has one, all
  /// its attributes go this way, so that they keep their order.
  private func field(_ bytes: [UInt8]) -> ProtobufCMessageUnknownField {
    var length: [UInt8] = []
    var rest = bytes.count
    while rest >= 0x80 {
      length.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    length.append(UInt8(rest))
    return unsafe ProtobufCMessageUnknownField(
      tag: 5, wire_type: PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, len: length.count + bytes.count,
      data: arena.list(length + bytes))
  }
}
