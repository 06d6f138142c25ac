import CQATSchema

extension ModelFile {
  /// Of the model: ONNX's `domain`.
  public var domain: String {
    get { unsafe rest.read(Qat__Onnx__Model.self) { unsafe text($0.domain) } ?? "" }
    set {
      unsafe rest.change(Qat__Onnx__Model.self) {
        unsafe $0.domain = unsafe $1.optionalText(newValue)
      }
    }
  }

  /// ONNX's `model_version`.
  public var modelVersion: Int {
    get { unsafe rest.read(Qat__Onnx__Model.self) { unsafe Int($0.model_version) } ?? 0 }
    set {
      unsafe rest.change(Qat__Onnx__Model.self) { model, _ in
        unsafe model.has_model_version = newValue == 0 ? 0 : 1
        unsafe model.model_version = Int64(newValue)
      }
    }
  }

  /// What the model is for, in its author's words.
  public var docString: String {
    get { unsafe rest.read(Qat__Onnx__Model.self) { unsafe text($0.doc_string) } ?? "" }
    set {
      unsafe rest.change(Qat__Onnx__Model.self) {
        unsafe $0.doc_string = unsafe $1.optionalText(newValue)
      }
    }
  }
}

extension GraphFile {
  /// What the graph is for, in its author's words.
  public var docString: String {
    get { unsafe rest.read(Qat__Onnx__Graph.self) { unsafe text($0.doc_string) } ?? "" }
    set {
      unsafe rest.change(Qat__Onnx__Graph.self) {
        unsafe $0.doc_string = unsafe $1.optionalText(newValue)
      }
    }
  }

  /// Notes on the graph.
  public var metadata: [String: String] {
    get {
      unsafe rest.read(Qat__Onnx__Graph.self) {
        unsafe entries($0.n_metadata_props, $0.metadata_props)
      }
        ?? [:]
    }
    set {
      unsafe rest.change(Qat__Onnx__Graph.self) { graph, arena in
        unsafe graph.n_metadata_props = newValue.count
        unsafe graph.metadata_props = unsafe arena.entries(newValue)
      }
    }
  }
}

extension GraphFile {
  /// Drops what is said of the quantization of values, where a value that it names is gone.
  mutating func dropAnnotations(where isGone: (String) -> Bool) {
    guard !rest.isEmpty else { return }
    unsafe rest.change(Qat__Onnx__Graph.self) { graph, arena in
      var kept: [UnsafeMutablePointer<Qat__Onnx__QuantizationAnnotation>?] = unsafe []
      for index in 0..<(unsafe graph.n_quantization_annotation) {
        let annotation = unsafe graph.quantization_annotation[index]
        guard let fields = unsafe annotation?.pointee else { continue }
        let parameters = unsafe entries(
          fields.n_quant_parameter_tensor_names, fields.quant_parameter_tensor_names)
        let names = unsafe parameters.values + [text(fields.tensor_name)]
        if !names.contains(where: isGone) { unsafe kept.append(annotation) }
      }
      unsafe graph.n_quantization_annotation = kept.count
      unsafe graph.quantization_annotation = unsafe arena.list(kept)
    }
  }
}

extension NodeFile {
  /// What the node is for, in its author's words.
  public var docString: String {
    get { unsafe rest.read(Qat__Onnx__Node.self) { unsafe text($0.doc_string) } ?? "" }
    set {
      unsafe rest.change(Qat__Onnx__Node.self) {
        unsafe $0.doc_string = unsafe $1.optionalText(newValue)
      }
    }
  }

  /// What is said of the node and of its tensor where it becomes an initializer.
  var restAsInitializer: Leftovers {
    guard !rest.isEmpty || !metadata.isEmpty else { return rest }
    var result = Leftovers()
    let bytes = unsafe rest.read(Qat__Onnx__Node.self) { node in
      for index in 0..<(unsafe node.n_attribute) {
        if let tensor = unsafe node.attribute[index]?.pointee.t {
          var tensor = unsafe tensor.pointee
          unsafe tensor.name = nil
          return unsafe tensor.packed
        }
      }
      return []
    }
    result.bytes = bytes ?? []
    let docString = docString
    unsafe result.change(Qat__Onnx__Tensor.self) { tensor, arena in
      if unsafe tensor.doc_string == nil {
        unsafe tensor.doc_string = unsafe arena.optionalText(docString)
      }
      if !metadata.isEmpty {
        unsafe tensor.n_metadata_props = metadata.count
        unsafe tensor.metadata_props = unsafe arena.entries(metadata)
      }
    }
    return result
  }
}
