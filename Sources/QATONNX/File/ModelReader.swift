import CQATSchema
import QATCore
import QATIR

extension ModelFile {
  /// Reads an ONNX file. Large weights stay views of the mapped file.
  /// - Throws: `io`; `malformed-file` with byte offset and field path.
  public init(path: String) throws(Diagnostic) {
    do throws(Diagnostic) {
      try self.init(MappedFile(path: path), folder: folder(of: path))
    } catch {
      throw error.place == path ? error : error.at(path)
    }
  }

  /// Reads the bytes of an ONNX model; `folder` is where its external data may lie.
  public init(_ storage: TensorStorage, folder: String? = nil) throws(Diagnostic) {
    guard storage.byteCount > 0 else {
      throw Diagnostic(.malformedFile, "the file is empty", hint: "give an ONNX model")
    }
    self.init()
    let reader = ModelReader(source: MessageSource(storage), folder: folder)
    self = try reader.model()
  }
}

/// Makes plain values of decoded messages.
struct ModelReader {
  let source: MessageSource
  /// The files beside the model; `nil` where it stands in no folder.
  let externalFiles: ExternalFiles?

  init(source: MessageSource, folder: String?) {
    self.source = source
    externalFiles = folder.map { ExternalFiles(folder: $0) }
  }

  func model() throws(Diagnostic) -> ModelFile {
    unsafe try source.decode(Qat__Onnx__Model.self) { message throws(Diagnostic) in
      var model = ModelFile()
      let fields = unsafe message.pointee
      guard let graph = unsafe fields.graph else {
        throw .malformed("the model has no graph", at: 0, .root)
      }
      if unsafe fields.has_ir_version != 0 { model.irVersion = unsafe Int(fields.ir_version) }
      model.producerName = unsafe text(fields.producer_name)
      model.producerVersion = unsafe text(fields.producer_version)
      model.opsets = unsafe opsets(fields.n_opset_import, fields.opset_import)
      model.metadata = unsafe entries(fields.n_metadata_props, fields.metadata_props)
      for index in 0..<(unsafe fields.n_functions) {
        model.functions.append(source.bytes(unsafe source.range(of: fields.functions[index])))
      }
      model.rest.bytes = unsafe fields.leftovers.packed
      model.graph = unsafe try self.graph(graph, at: FieldPath.root.appending("graph"), depth: 1)
      return model
    }
  }

  /// The opset of each domain; ONNX's own is the empty one.
  func opsets(
    _ count: Int, _ start: UnsafeMutablePointer<UnsafeMutablePointer<Qat__Onnx__OpsetImport>?>?
  ) -> [String: Int] {
    var opsets: [String: Int] = [:]
    for index in 0..<count {
      guard let opset = unsafe start?[index]?.pointee else { continue }
      opsets[normalizedDomain(unsafe text(opset.domain))] = unsafe Int(opset.version)
    }
    return opsets
  }

  func graph(
    _ message: UnsafeMutablePointer<Qat__Onnx__Graph>, at path: FieldPath, depth: Int
  ) throws(Diagnostic) -> GraphFile {
    let fields = unsafe message.pointee
    var result = GraphFile()
    guard unsafe fields.n_sparse_initializer == 0 else {
      throw Diagnostic(
        .unsupported, "sparse initializers are not supported", at: path.text,
        hint: "make them dense first")
    }
    result.name = unsafe text(fields.name)
    for index in 0..<(unsafe fields.n_node) {
      guard let node = unsafe fields.node[index] else { continue }
      let path = path.appending("node", index)
      result.nodes.append(unsafe try self.node(node, at: path, depth: depth + 1))
    }
    for index in 0..<(unsafe fields.n_initializer) {
      guard let message = unsafe fields.initializer[index] else { continue }
      let (name, tensor) = unsafe try self.tensor(message, at: path.appending("initializer", index))
      result.initializers.append((name, tensor))
      var rest = unsafe message.pointee.withoutPlace.leftovers
      unsafe rest.name = nil
      let bytes = unsafe rest.packed
      if !bytes.isEmpty { result.initializerRests[name] = Leftovers(bytes: bytes) }
    }
    result.inputs = unsafe try values(fields.n_input, fields.input, path, "input")
    result.outputs = unsafe try values(fields.n_output, fields.output, path, "output")
    result.values = unsafe try values(fields.n_value_info, fields.value_info, path, "value_info")
    result.rest.bytes = unsafe fields.leftovers.packed
    return result
  }

  func node(
    _ message: UnsafeMutablePointer<Qat__Onnx__Node>, at path: FieldPath, depth: Int
  ) throws(Diagnostic) -> NodeFile {
    let fields = unsafe message.pointee
    var result = NodeFile()
    result.inputs = unsafe texts(fields.n_input, fields.input)
    result.outputs = unsafe texts(fields.n_output, fields.output)
    result.name = unsafe text(fields.name)
    result.opType = unsafe text(fields.op_type)
    result.domain = unsafe text(fields.domain)
    result.overload = unsafe text(fields.overload)
    result.metadata = unsafe entries(fields.n_metadata_props, fields.metadata_props)
    let arena = MessageArena()
    var rests: [UnsafeMutablePointer<Qat__Onnx__Attribute>?] = unsafe []
    for index in 0..<(unsafe fields.n_attribute) {
      guard let attribute = unsafe fields.attribute[index] else { continue }
      let path = path.appending("attribute", index)
      let name = unsafe text(attribute.pointee.name)
      let graphs = unsafe try subgraphs(of: attribute, at: path, depth: depth + 1)
      let known = Set(result.captures)
      let captured = graphs.flatMap(\.freeNames).filter { !known.contains($0) }
      result.captures += captured
      if unsafe attribute.pointee.has_g != 0 { result.subgraphs.append((name, graphs[0])) }
      if unsafe attribute.pointee.ref_attr_name != nil {
        result.references.append((name, unsafe text(attribute.pointee.ref_attr_name)))
      }
      let value = unsafe try self.value(of: attribute, at: path)
      result.attributes.append((name, value))
      if case .raw = value, graphs.isEmpty { continue }
      if let rest = unsafe leftovers(of: attribute, arena) { unsafe rests.append(rest) }
    }
    var rest = unsafe fields.leftovers
    unsafe rest.n_attribute = rests.count
    unsafe rest.attribute = unsafe arena.list(rests)
    result.rest.bytes = unsafe rest.packed
    return result
  }

  func values(
    _ count: Int, _ start: UnsafeMutablePointer<UnsafeMutablePointer<Qat__Onnx__ValueInfo>?>?,
    _ path: FieldPath, _ name: String
  ) throws(Diagnostic) -> [ValueFile] {
    var result: [ValueFile] = []
    for index in 0..<count {
      guard let value = unsafe start?[index] else { continue }
      result.append(unsafe try self.value(value, at: path.appending(name, index)))
    }
    return result
  }
}

extension GraphFile {
  /// Names that nodes use and nothing in the graph defines: what a subgraph takes from outside.
  var freeNames: [String] {
    var defined = Set(inputs.map(\.name) + initializers.map(\.name))
    var free: [String] = [], known: Set<String> = [""]
    func use(_ name: String) {
      if !defined.contains(name), known.insert(name).inserted { free.append(name) }
    }
    for node in nodes {
      node.inputs.forEach(use)
      node.captures.forEach(use)
      defined.formUnion(node.outputs)
    }
    for output in outputs { use(output.name) }
    return free
  }
}

/// ONNX's own domain has two names.
func normalizedDomain(_ domain: String) -> String { domain == "ai.onnx" ? "" : domain }

/// The folder a file lies in.
func folder(of path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}
