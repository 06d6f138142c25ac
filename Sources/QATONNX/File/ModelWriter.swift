import QATCore
import QATIR

extension ModelFile {
  /// Writes an ONNX file: streamed, and there whole or not at all.
  /// - Throws: `io`; `unsupported` for more than protobuf's 2 GiB.
  public func write(to path: String) throws(Diagnostic) {
    let message = wireMessage
    guard message.byteCount < 1 << 31 else {
      throw Diagnostic(
        .unsupported, "the model has \(message.byteCount) bytes; an ONNX file holds 2 GiB", at: path
      )
    }
    try AtomicFile.write(message, to: path)
  }

  private var wireMessage: WireMessage {
    var message = WireMessage()
    message.integer(1, irVersion)
    message.optionalText(2, producerName)
    message.optionalText(3, producerVersion)
    message.optionalText(4, domain)
    if modelVersion != 0 { message.integer(5, modelVersion) }
    message.optionalText(6, docString)
    message.message(7, graphMessage)
    for (domain, version) in opsets.sorted(by: { $0.key < $1.key }) {
      var opset = WireMessage()
      opset.text(1, domain)
      opset.integer(2, version)
      message.message(8, opset)
    }
    for entry in entries(metadata) { message.message(14, entry) }
    for function in functions { message.bytes(25, function) }
    return message
  }

  private var graphMessage: WireMessage {
    var message = WireMessage()
    for node in graph.nodes { message.message(1, nodeMessage(node)) }
    message.text(2, graph.name)
    for (name, tensor) in graph.initializers {
      message.message(5, tensorMessage(tensor, name: name))
    }
    message.optionalText(10, graph.docString)
    for value in graph.inputs { message.message(11, valueMessage(value)) }
    for value in graph.outputs { message.message(12, valueMessage(value)) }
    for value in graph.values { message.message(13, valueMessage(value)) }
    for entry in entries(graph.metadata) { message.message(16, entry) }
    return message
  }

  private func nodeMessage(_ node: NodeFile) -> WireMessage {
    var message = WireMessage()
    for name in node.inputs { message.text(1, name) }
    for name in node.outputs { message.text(2, name) }
    message.optionalText(3, node.name)
    message.text(4, node.opType)
    for (name, value) in node.attributes {
      if case .raw(let bytes) = value {
        message.bytes(5, bytes)
      } else {
        message.message(5, attributeMessage(name, value))
      }
    }
    message.optionalText(6, node.docString)
    message.optionalText(7, node.domain)
    for entry in entries(node.metadata) { message.message(9, entry) }
    return message
  }

  private func attributeMessage(_ name: String, _ value: AttributeValue) -> WireMessage {
    var message = WireMessage()
    message.text(1, name)
    let type: Int
    switch value {
    case .float(let float): message.float(2, float); type = 1
    case .int(let int): message.integer(3, int); type = 2
    case .string(let string): message.text(4, string); type = 3
    case .tensor(let tensor): message.message(5, tensorMessage(tensor, name: "")); type = 4
    case .floats(let floats): for float in floats { message.float(7, float) }; type = 6
    case .ints(let ints): for int in ints { message.integer(8, int) }; type = 7
    case .strings(let strings): for string in strings { message.text(9, string) }; type = 8
    case .raw: type = 0
    }
    message.integer(20, type)
    return message
  }

  private func valueMessage(_ value: ValueFile) -> WireMessage {
    var message = WireMessage()
    message.text(1, value.name)
    guard let type = value.type else { return message }
    var tensor = WireMessage()
    tensor.integer(1, type.element.rawValue)
    if let shape = type.shape {
      var dimensions = WireMessage()
      for dimension in shape.dimensions {
        var inner = WireMessage()
        if let size = dimension.size {
          inner.integer(1, size)
        } else if !dimension.isUnknown {
          inner.text(2, dimension.symbol ?? dimension.description)
        }
        dimensions.message(1, inner)
      }
      tensor.message(2, dimensions)
    }
    var outer = WireMessage()
    outer.message(1, tensor)
    message.message(2, outer)
    return message
  }
}

private func entries(_ entries: [String: String]) -> [WireMessage] {
  entries.sorted { $0.key < $1.key }.map { key, value in
    var message = WireMessage()
    message.text(1, key)
    message.text(2, value)
    return message
  }
}

/// A tensor with its elements as raw data.
func tensorMessage(_ tensor: AnyTensor, name: String) -> WireMessage {
  var message = WireMessage()
  for size in tensor.shape { message.integer(1, size) }
  message.integer(2, tensor.element.rawValue)
  message.optionalText(8, name)
  message.storage(9, tensor.storage)
  return message
}
