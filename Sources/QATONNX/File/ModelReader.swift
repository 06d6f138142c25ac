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
    let reader = ModelReader(source: WireReader.Source(storage), folder: folder)
    try reader.read(into: &self)
  }
}

/// Builds plain values from the fields of an ONNX model.
struct ModelReader {
  let source: WireReader.Source
  let folder: String?

  func read(into model: inout ModelFile) throws(Diagnostic) {
    var wire = WireReader(source)
    var hasGraph = false
    while let field = try wire.next(once: [1, 2, 3, 4, 5, 6, 7]) {
      switch field.number {
      case 1: model.irVersion = try wire.integer(field, "ir_version")
      case 2: model.producerName = try wire.text(field, "producer_name")
      case 3: model.producerVersion = try wire.text(field, "producer_version")
      case 4: model.domain = try wire.text(field, "domain")
      case 5: model.modelVersion = try wire.integer(field, "model_version")
      case 6: model.docString = try wire.text(field, "doc_string")
      case 7:
        hasGraph = true
        model.graph = try graph(wire.message(field, "graph"))
      case 8: try opset(wire.message(field, "opset_import"), &model.opsets)
      case 14: try entry(wire.message(field, "metadata_props"), &model.metadata)
      case 25: model.functions.append(try wire.bytes(field, "functions"))
      default: break
      }
    }
    guard hasGraph else { throw wire.malformed("the model has no graph", at: 0) }
  }

  private func opset(_ message: WireReader, _ opsets: inout [String: Int]) throws(Diagnostic) {
    var wire = message
    var domain = "", version = 0
    while let field = try wire.next(once: [1, 2]) {
      if field.number == 1 { domain = try wire.text(field, "domain") }
      if field.number == 2 { version = try wire.integer(field, "version") }
    }
    opsets[domain == "ai.onnx" ? "" : domain] = version
  }

  private func entry(_ message: WireReader, _ entries: inout [String: String]) throws(Diagnostic) {
    var wire = message
    var key = "", value = ""
    while let field = try wire.next(once: [1, 2]) {
      if field.number == 1 { key = try wire.text(field, "key") }
      if field.number == 2 { value = try wire.text(field, "value") }
    }
    entries[key] = value
  }

  func graph(_ message: WireReader) throws(Diagnostic) -> GraphFile {
    var wire = message
    var result = GraphFile()
    while let field = try wire.next(once: [2, 10]) {
      switch field.number {
      case 1: result.nodes.append(try node(wire.message(field, "node[\(result.nodes.count)]")))
      case 2: result.name = try wire.text(field, "name")
      case 5:
        let inner = try wire.message(field, "initializer[\(result.initializers.count)]")
        result.initializers.append(try tensor(inner))
      case 10: result.docString = try wire.text(field, "doc_string")
      case 11: result.inputs.append(try value(wire.message(field, "input[\(result.inputs.count)]")))
      case 12:
        result.outputs.append(try value(wire.message(field, "output[\(result.outputs.count)]")))
      case 13:
        result.values.append(try value(wire.message(field, "value_info[\(result.values.count)]")))
      case 15:
        throw Diagnostic(
          .unsupported, "sparse initializers are not supported", at: wire.path,
          hint: "make them dense first")
      case 16: try entry(wire.message(field, "metadata_props"), &result.metadata)
      default: break
      }
    }
    return result
  }

  private func node(_ message: WireReader) throws(Diagnostic) -> NodeFile {
    var wire = message
    var result = NodeFile()
    while let field = try wire.next(once: [3, 4, 6, 7, 8]) {
      switch field.number {
      case 1: result.inputs.append(try wire.text(field, "input"))
      case 2: result.outputs.append(try wire.text(field, "output"))
      case 3: result.name = try wire.text(field, "name")
      case 4: result.opType = try wire.text(field, "op_type")
      case 5:
        let inner = try wire.message(field, "attribute[\(result.attributes.count)]")
        try attribute(inner, in: field, of: wire, &result)
      case 6: result.docString = try wire.text(field, "doc_string")
      case 7: result.domain = try wire.text(field, "domain")
      case 9: try entry(wire.message(field, "metadata_props"), &result.metadata)
      default: break
      }
    }
    return result
  }

  private func attribute(
    _ message: WireReader, in outer: WireReader.Field, of parent: WireReader, _ node: inout NodeFile
  ) throws(Diagnostic) {
    var wire = message
    var name = "", kind = 0
    var int: Int?, float: Float?, bytes: [UInt8]?, tensor: AnyTensor?
    var ints: [Int] = [], floats: [UInt8] = [], strings: [[UInt8]] = []
    var isRaw = false
    while let field = try wire.next(once: [1, 2, 3, 4, 5, 6, 13, 14, 20, 21, 22]) {
      switch field.number {
      case 1: name = try wire.text(field, "name")
      case 2: float = try wire.float(field, "f")
      case 3: int = try wire.integer(field, "i")
      case 4: bytes = try wire.bytes(field, "s")
      case 5:
        tensor = try self.tensor(wire.message(field, "t")).tensor
      case 6, 11:
        isRaw = true
        let known = Set(node.captures)
        let graph = try self.graph(wire.message(field, "g"))
        node.captures += graph.freeNames.filter { !known.contains($0) }
      case 7: try wire.appendFixed(field, "floats", width: 4, to: &floats)
      case 8: try wire.appendIntegers(field, "ints", to: &ints)
      case 9: strings.append(try wire.bytes(field, "strings"))
      case 20: kind = try wire.integer(field, "type")
      case 13: break
      default: isRaw = true
      }
    }
    guard !isRaw else {
      node.attributes.append((name, .raw(try parent.bytes(outer, "attribute"))))
      return
    }
    let value: AttributeValue?
    switch kind {
    case 1: value = .float(float ?? 0)
    case 2: value = .int(int ?? 0)
    case 3: value = String(validating: bytes ?? [], as: UTF8.self).map { .string($0) }
    case 4: value = tensor.map { .tensor($0) }
    case 6: value = .floats(decodeFloats(floats))
    case 7: value = .ints(ints)
    case 8:
      let texts = strings.compactMap { String(validating: $0, as: UTF8.self) }
      value = texts.count == strings.count ? .strings(texts) : nil
    case 0:  // Files of the first versions leave the type out.
      if let float {
        value = .float(float)
      } else if let int {
        value = .int(int)
      } else if let tensor {
        value = .tensor(tensor)
      } else if let bytes {
        value = String(validating: bytes, as: UTF8.self).map { .string($0) }
      } else if !ints.isEmpty {
        value = .ints(ints)
      } else {
        value = floats.isEmpty ? nil : .floats(decodeFloats(floats))
      }
    default: value = nil
    }
    if let value {
      node.attributes.append((name, value))
    } else {
      node.attributes.append((name, .raw(try parent.bytes(outer, "attribute"))))
    }
  }

  private func decodeFloats(_ bytes: [UInt8]) -> [Float] {
    stride(from: 0, to: bytes.count, by: 4).map { index in
      Float(
        bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[index + $1]) << UInt32(8 * $1) })
    }
  }

  private func value(_ message: WireReader) throws(Diagnostic) -> ValueFile {
    var wire = message
    var result = ValueFile("", nil)
    while let field = try wire.next(once: [1, 2, 3]) {
      if field.number == 1 { result.name = try wire.text(field, "name") }
      if field.number == 2 { result.type = try type(wire.message(field, "type")) }
    }
    return result
  }

  private func type(_ message: WireReader) throws(Diagnostic) -> TensorType? {
    var wire = message
    var result: TensorType?
    while let field = try wire.next(once: [1, 4, 5, 6, 7, 8, 9]) {
      guard field.number == 1 else { continue }
      var inner = try wire.message(field, "tensor_type")
      var element: ElementType?
      var shape: Shape?
      while let field = try inner.next(once: [1, 2]) {
        if field.number == 1 {
          element = ElementType(rawValue: try inner.integer(field, "elem_type"))
        }
        if field.number == 2 { shape = try self.shape(inner.message(field, "shape")) }
      }
      result = element.map { TensorType($0, shape) }
    }
    return result
  }

  private func shape(_ message: WireReader) throws(Diagnostic) -> Shape {
    var wire = message
    var dimensions: [Dimension] = []
    while let field = try wire.next(once: []) {
      guard field.number == 1 else { continue }
      var inner = try wire.message(field, "dim[\(dimensions.count)]")
      var dimension = Dimension.unknown
      while let field = try inner.next(once: [1, 2, 3]) {
        if field.number == 1 {
          let size = try inner.integer(field, "dim_value")
          guard size < 1 << 48 else {
            throw inner.malformed("a dimension of \(size)", at: field.offset)
          }
          dimension = Dimension(size)
        }
        if field.number == 2 { dimension = Dimension(symbol: try inner.text(field, "dim_param")) }
      }
      dimensions.append(dimension)
    }
    return Shape(dimensions)
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

/// The folder a file lies in.
func folder(of path: String) -> String {
  guard let slash = path.lastIndex(of: "/") else { return "." }
  return slash == path.startIndex ? "/" : String(path[..<slash])
}
