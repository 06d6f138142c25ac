import CQATSchema
import QATCore
import QATIR

extension ModelReader {
  /// The value of an attribute; what is no plain one is the bytes of its message.
  func value(
    of message: UnsafeMutablePointer<Qat__Onnx__Attribute>, at path: FieldPath
  ) throws(Diagnostic) -> AttributeValue {
    let fields = unsafe message.pointee
    guard unsafe !isCompound(fields) else { return unsafe raw(message) }
    // Each tensor is looked at, also that of an attribute of another type.
    var tensor: AnyTensor?
    if let inner = unsafe fields.t {
      tensor = unsafe try self.tensor(inner, at: path.appending("t")).tensor
    }
    let floats = unsafe Array(elements(fields.n_floats, fields.floats))
    let ints = unsafe elements(fields.n_ints, fields.ints).map { Int($0) }
    let value: AttributeValue?
    switch unsafe fields.type {
    case 1: value = unsafe .float(fields.f)
    case 2: value = unsafe .int(Int(fields.i))
    case 3: value = unsafe string(fields)
    case 4: value = tensor.map { .tensor($0) }
    case 6: value = .floats(floats)
    case 7: value = .ints(ints)
    case 8: value = unsafe strings(fields)
    case 0:  // Files of the first versions leave the type out.
      if unsafe fields.has_f != 0 {
        value = unsafe .float(fields.f)
      } else if unsafe fields.has_i != 0 {
        value = unsafe .int(Int(fields.i))
      } else if let tensor {
        value = .tensor(tensor)
      } else if unsafe fields.has_s != 0 {
        value = unsafe string(fields)
      } else if !ints.isEmpty {
        value = .ints(ints)
      } else {
        value = floats.isEmpty ? nil : .floats(floats)
      }
    default: value = nil
    }
    if let value { return value }
    return unsafe raw(message)
  }

  private func raw(_ message: UnsafeMutablePointer<Qat__Onnx__Attribute>) -> AttributeValue {
    .raw(source.bytes(unsafe source.place(of: message)))
  }

  /// The graphs in an attribute.
  func subgraphs(
    of message: UnsafeMutablePointer<Qat__Onnx__Attribute>, at path: FieldPath, depth: Int
  ) throws(Diagnostic) -> [GraphFile] {
    let fields = unsafe message.pointee
    var graphs: [GraphFile] = []
    if unsafe fields.has_g != 0 {
      let range = unsafe source.range(of: fields.g)
      graphs.append(try subgraph(range, at: path.appending("g"), depth: depth + 1))
    }
    for index in 0..<(unsafe fields.n_graphs) {
      let range = unsafe source.range(of: fields.graphs[index])
      graphs.append(try subgraph(range, at: path.appending("graphs", index), depth: depth + 1))
    }
    return graphs
  }

  /// What is left of an attribute without its value, under its name; `nil` for nothing.
  func leftovers(
    of message: UnsafeMutablePointer<Qat__Onnx__Attribute>, _ arena: MessageArena
  ) -> UnsafeMutablePointer<Qat__Onnx__Attribute>? {
    var rest = unsafe message.pointee.withoutPlace.leftovers
    if let tensor = unsafe message.pointee.t {
      let inner = unsafe tensor.pointee.withoutPlace.leftovers
      if unsafe !inner.packed.isEmpty { unsafe rest.t = unsafe arena.copy(inner) }
    }
    guard unsafe !rest.packed.isEmpty else { return nil }
    unsafe rest.name = unsafe message.pointee.name
    return unsafe arena.copy(rest)
  }

  /// Whether an attribute holds what no plain value does: graphs, types, a reference to another one.
  private func isCompound(_ fields: Qat__Onnx__Attribute) -> Bool {
    unsafe fields.has_g != 0 || fields.n_graphs > 0 || fields.n_tensors > 0 || fields.has_tp != 0
      || fields.n_type_protos > 0 || fields.has_sparse_tensor != 0 || fields.n_sparse_tensors > 0
      || fields.ref_attr_name != nil
  }

  private func subgraph(
    _ range: Range<Int>, at path: FieldPath, depth: Int
  ) throws(Diagnostic) -> GraphFile {
    unsafe try source.decode(Qat__Onnx__Graph.self, range, at: path, depth: depth) {
      graph throws(Diagnostic) in
      unsafe try self.graph(graph, at: path, depth: depth)
    }
  }

  private func string(_ fields: Qat__Onnx__Attribute) -> AttributeValue? {
    guard unsafe fields.has_s != 0 else { return .string("") }
    let bytes = source.bytes(unsafe source.range(of: fields.s))
    return String(validating: bytes, as: UTF8.self).map { .string($0) }
  }

  private func strings(_ fields: Qat__Onnx__Attribute) -> AttributeValue? {
    var strings: [String] = []
    for index in 0..<(unsafe fields.n_strings) {
      let bytes = source.bytes(unsafe source.range(of: fields.strings[index]))
      guard let string = String(validating: bytes, as: UTF8.self) else { return nil }
      strings.append(string)
    }
    return .strings(strings)
  }
}
