import CQATSchema
import QATCore
import QATIR

extension ModelFile {
  /// Writes an ONNX file, and where it is asked for or needed one of external data: streamed, and
  /// there whole or not at all.
  /// - Throws: `io`; `unsupported` for more than protobuf's 2 GiB beside the external data, and for a
  ///   name with a NUL; `invalid-option` for a file that no reader would look for external data in.
  public func write(to path: String, externalData: ExternalData = .whenNeeded) throws(Diagnostic) {
    if externalData == .whenNeeded {
      let arena = MessageArena()
      let message = unsafe try ModelWriter(arena: arena).model(self)
      if unsafe arena.fits(message) { return unsafe try arena.write(message, to: path) }
    }
    guard AtomicFile.isReplaceable(path) else {
      throw Diagnostic(
        .unsupported, "no external data goes beside what is no file", at: path,
        hint: "write the model to a file")
    }
    let arena = MessageArena()
    let location = try externalData.name(besideModel: path)
    let writer = ModelWriter(arena: arena, external: ExternalLayout(location: location))
    let message = unsafe try writer.model(self)
    guard let external = writer.external, !external.pieces.isEmpty else {
      return unsafe try arena.write(message, to: path)
    }
    unsafe try arena.write(
      message, to: path, what: "the model",
      behind: (folder(of: path) + "/" + location, { external.write(to: $0) }))
  }
}

/// Makes C messages of plain values, starting from what was left over when they were read.
final class ModelWriter {
  let arena: MessageArena
  /// Where initializers go that are not written into the model.
  private(set) var external: ExternalLayout?

  init(arena: MessageArena, external: ExternalLayout? = nil) {
    self.arena = arena
    self.external = external
  }

  func model(_ model: ModelFile) throws(Diagnostic) -> UnsafeMutablePointer<Qat__Onnx__Model> {
    let message = unsafe try arena.message(Qat__Onnx__Model.self, from: model.rest)
    var fields = unsafe message.pointee.leftovers
    unsafe fields.has_ir_version = 1
    unsafe fields.ir_version = Int64(model.irVersion)
    unsafe fields.producer_name = unsafe arena.optionalText(model.producerName)
    unsafe fields.producer_version = unsafe arena.optionalText(model.producerVersion)
    unsafe fields.graph = unsafe try graph(model.graph)
    var opsets: [UnsafeMutablePointer<Qat__Onnx__OpsetImport>?] = unsafe []
    for (domain, version) in model.opsets.sorted(by: { $0.key < $1.key }) {
      var opset = unsafe Qat__Onnx__OpsetImport.empty
      unsafe opset.domain = unsafe arena.text(domain)
      unsafe opset.has_version = 1
      unsafe opset.version = Int64(version)
      unsafe opsets.append(arena.copy(opset))
    }
    unsafe fields.n_opset_import = opsets.count
    unsafe fields.opset_import = unsafe arena.list(opsets)
    unsafe fields.n_metadata_props = model.metadata.count
    unsafe fields.metadata_props = unsafe arena.entries(model.metadata)
    unsafe fields.n_functions = model.functions.count
    unsafe fields.functions = unsafe arena.list(model.functions.map { unsafe arena.data($0) })
    unsafe message.pointee = unsafe fields
    return unsafe message
  }

  /// - Parameter isBody: whether it goes into an attribute, whose bytes are put together in memory.
  func graph(
    _ graph: GraphFile, isBody: Bool = false
  ) throws(Diagnostic) -> UnsafeMutablePointer<Qat__Onnx__Graph> {
    let message = unsafe try arena.message(Qat__Onnx__Graph.self, from: graph.rest)
    var fields = unsafe message.pointee.leftovers
    unsafe fields.name = unsafe arena.text(graph.name)
    var nodes: [UnsafeMutablePointer<Qat__Onnx__Node>?] = unsafe []
    for node in graph.nodes { unsafe nodes.append(try self.node(node)) }
    unsafe fields.n_node = nodes.count
    unsafe fields.node = unsafe arena.list(nodes)
    var tensors: [UnsafeMutablePointer<Qat__Onnx__Tensor>?] = unsafe []
    for (name, tensor) in graph.initializers {
      let rest = graph.initializerRests[name] ?? Leftovers()
      let message = unsafe try arena.message(Qat__Onnx__Tensor.self, from: rest)
      if let location = external?.location, let range = external?.place(tensor) {
        unsafe message.pointee.setContents(to: tensor, at: range, of: location, arena)
      } else {
        unsafe message.pointee.setContents(to: isBody ? tensor.resident : tensor, arena)
      }
      unsafe message.pointee.name = unsafe arena.optionalText(name)
      unsafe tensors.append(message)
    }
    unsafe fields.n_initializer = tensors.count
    unsafe fields.initializer = unsafe arena.list(tensors)
    unsafe fields.n_input = graph.inputs.count
    unsafe fields.input = unsafe try values(graph.inputs)
    unsafe fields.n_output = graph.outputs.count
    unsafe fields.output = unsafe try values(graph.outputs)
    unsafe fields.n_value_info = graph.values.count
    unsafe fields.value_info = unsafe try values(graph.values)
    unsafe message.pointee = unsafe fields
    return unsafe message
  }

  private func node(_ node: NodeFile) throws(Diagnostic) -> UnsafeMutablePointer<Qat__Onnx__Node> {
    let message = unsafe try arena.message(Qat__Onnx__Node.self, from: node.rest)
    let old = unsafe message.pointee
    var fields = unsafe old.leftovers
    unsafe fields.n_input = node.inputs.count
    unsafe fields.input = unsafe arena.texts(node.inputs)
    unsafe fields.n_output = node.outputs.count
    unsafe fields.output = unsafe arena.texts(node.outputs)
    unsafe fields.name = unsafe arena.optionalText(node.name)
    unsafe fields.op_type = unsafe arena.text(node.opType)
    unsafe fields.domain = unsafe arena.optionalText(node.domain)
    unsafe fields.n_metadata_props = node.metadata.count
    unsafe fields.metadata_props = unsafe arena.entries(node.metadata)
    unsafe try setAttributes(node.attributes, node.subgraphs, of: &fields, from: old)
    unsafe message.pointee = unsafe fields
    return unsafe message
  }

  private func values(
    _ values: [ValueFile]
  ) throws(Diagnostic) -> UnsafeMutablePointer<UnsafeMutablePointer<Qat__Onnx__ValueInfo>?>? {
    var messages: [UnsafeMutablePointer<Qat__Onnx__ValueInfo>?] = unsafe []
    for value in values {
      let message = unsafe try arena.message(Qat__Onnx__ValueInfo.self, from: value.rest)
      unsafe message.pointee.name = unsafe arena.text(value.name)
      if let type = value.type { unsafe message.pointee.setType(to: type, arena) }
      unsafe messages.append(message)
    }
    return unsafe arena.list(messages)
  }
}

extension Qat__Onnx__Tensor {
  /// Elements as raw data: not copied, but written from where they are.
  mutating func setContents(to tensor: AnyTensor, _ arena: MessageArena) {
    unsafe setType(of: tensor, arena)
    unsafe has_raw_data = 1
    unsafe raw_data = unsafe arena.data(tensor.storage)
  }

  /// Shape and element type, and no elements.
  mutating func setType(of tensor: AnyTensor, _ arena: MessageArena) {
    unsafe self = unsafe leftovers
    unsafe n_dims = tensor.shape.count
    unsafe dims = unsafe arena.list(tensor.shape.map { Int64($0) })
    unsafe has_data_type = 1
    unsafe data_type = Int32(tensor.element.rawValue)
  }
}

extension Qat__Onnx__ValueInfo {
  /// Sets a tensor's type; a whole type that is there already stays.
  mutating func setType(to type: TensorType, _ arena: MessageArena) {
    let outer = unsafe self.type ?? arena.copy(Qat__Onnx__Type.empty)
    var tensor = unsafe Qat__Onnx__TensorType.empty
    switch unsafe outer.pointee.value_case {
    case QAT__ONNX__TYPE__VALUE__NOT_SET: break
    case QAT__ONNX__TYPE__VALUE_TENSOR_TYPE:
      if let old = unsafe outer.pointee.tensor_type { unsafe tensor = unsafe old.pointee }
      guard unsafe tensor.has_elem_type == 0 else { return }
    default: return
    }
    unsafe tensor.has_elem_type = 1
    unsafe tensor.elem_type = Int32(type.element.rawValue)
    if let shape = type.shape {
      let message = unsafe tensor.shape ?? arena.copy(Qat__Onnx__TensorShape.empty)
      unsafe message.pointee.setDimensions(to: shape.dimensions, arena)
      unsafe tensor.shape = unsafe message
    } else {
      unsafe tensor.shape = nil
    }
    unsafe outer.pointee.value_case = QAT__ONNX__TYPE__VALUE_TENSOR_TYPE
    unsafe outer.pointee.tensor_type = unsafe arena.copy(tensor)
    unsafe self.type = unsafe outer
  }
}

extension Qat__Onnx__TensorShape {
  /// Sets the dimensions; their denotations stay where the rank is the same.
  fileprivate mutating func setDimensions(to dimensions: [Dimension], _ arena: MessageArena) {
    let isSameRank = unsafe n_dim == dimensions.count
    var messages: [UnsafeMutablePointer<Qat__Onnx__Dimension>?] = unsafe []
    for (index, dimension) in dimensions.enumerated() {
      let old = unsafe isSameRank ? dim[index] : nil
      let message = unsafe old ?? arena.copy(Qat__Onnx__Dimension.empty)
      if let size = dimension.size {
        unsafe message.pointee.value_case = QAT__ONNX__DIMENSION__VALUE_DIM_VALUE
        unsafe message.pointee.dim_value = Int64(size)
      } else if !dimension.isUnknown {
        unsafe message.pointee.value_case = QAT__ONNX__DIMENSION__VALUE_DIM_PARAM
        unsafe message.pointee.dim_param = unsafe arena.text(
          dimension.symbol ?? dimension.description)
      } else {
        unsafe message.pointee.value_case = QAT__ONNX__DIMENSION__VALUE__NOT_SET
      }
      unsafe messages.append(message)
    }
    unsafe n_dim = messages.count
    unsafe dim = unsafe arena.list(messages)
  }
}
