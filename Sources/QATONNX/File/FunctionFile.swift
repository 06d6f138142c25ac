import CQATSchema
import QATCore
import QATIR

/// A model-local function: an operation whose meaning is given by nodes.
struct FunctionFile {
  /// What calls it.
  struct Key: Hashable {
    let domain: String
    let name: String
    let overload: String
  }

  let key: Key
  /// Names of its operands and results inside.
  let inputs: [String]
  let outputs: [String]
  /// Values of attributes that a caller leaves out.
  let defaults: [String: AttributeValue]
  /// In topological order.
  let nodes: [NodeFile]
  /// The opset of each domain that the nodes are meant in.
  let opsets: [String: Int]
  /// Types of values of the body, where known.
  let values: [ValueFile]

  /// Reads the bytes of a function's message.
  /// - Throws: `malformed-file` with byte offset and field path.
  init(_ bytes: [UInt8]) throws(Diagnostic) {
    let source = MessageSource(TensorStorage(bytes: bytes))
    let reader = ModelReader(source: source, folder: nil)
    self = unsafe try source.decode(Qat__Onnx__Function.self) { message throws(Diagnostic) in
      unsafe try FunctionFile(message.pointee, reader)
    }
  }

  private init(_ fields: Qat__Onnx__Function, _ reader: ModelReader) throws(Diagnostic) {
    key = unsafe Key(
      domain: normalizedDomain(text(fields.domain)), name: text(fields.name),
      overload: text(fields.overload))
    inputs = unsafe texts(fields.n_input, fields.input)
    outputs = unsafe texts(fields.n_output, fields.output)
    opsets = unsafe reader.opsets(fields.n_opset_import, fields.opset_import)
    values = unsafe try reader.values(
      fields.n_value_info, fields.value_info, .root, "value_info")
    var defaults: [String: AttributeValue] = [:]
    for index in 0..<(unsafe fields.n_attribute_proto) {
      guard let attribute = unsafe fields.attribute_proto[index] else { continue }
      let path = FieldPath.root.appending("attribute_proto", index)
      defaults[unsafe text(attribute.pointee.name)] = unsafe try reader.value(
        of: attribute, at: path)
    }
    self.defaults = defaults
    var nodes: [NodeFile] = []
    for index in 0..<(unsafe fields.n_node) {
      guard let node = unsafe fields.node[index] else { continue }
      let path = FieldPath.root.appending("node", index)
      nodes.append(unsafe try reader.node(node, at: path, depth: 1))
    }
    self.nodes = nodes
  }
}
