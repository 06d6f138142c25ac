import QATCore
import QATIR

extension NodeFile {
  /// Before opset 9 a Scan ran over axis 1 of a batch, each sample by itself: now that is a Scan over
  /// the batch, without a state, around a Scan over the sequence.
  ///
  ///     Scan(lengths, states…, inputs…)
  ///     ->
  ///     Scan over the batch: length, state…, input… {
  ///       Scan over the sequence(state…, input[0..<length]…)
  ///     }
  ///
  /// Where lengths are given, outputs have zeros behind the last step of their sample.
  var scanOfSequences: NodeFile {
    guard case .int(let count)? = attributes.first(where: { $0.name == "num_scan_inputs" })?.value,
      let body = subgraphs.first?.graph, inputs.count > count, count > 0
    else { return self }
    let prefix = (outputs.first ?? "") + ".sample."
    let hasLengths = !inputs[0].isEmpty
    let given = Array(inputs.dropFirst())
    let states = given.count - count
    var batch = GraphFile()
    batch.name = body.name + ".batch"
    batch.nodes = []
    var names = given.indices.map { "\(prefix)x\($0)" }
    batch.inputs = names.map { ValueFile($0, nil) }
    if hasLengths {
      batch.inputs.insert(ValueFile(prefix + "length", nil), at: 0)
      batch.initializers = [
        (prefix + "zero", AnyTensor(shape: [1], [Int64(0)])),
        (prefix + "one", AnyTensor(shape: [1], [Int64(1)])),
      ]
      batch.nodes.append(
        helper("Unsqueeze", [prefix + "length", prefix + "zero"], prefix + "length1"))
      batch.nodes.append(helper("Shape", [names[states]], prefix + "shape"))
      batch.nodes.append(
        helper("Gather", [prefix + "shape", prefix + "zero"], prefix + "longest"))
      batch.nodes.append(
        helper("Sub", [prefix + "longest", prefix + "length1"], prefix + "missing"))
      batch.nodes.append(
        helper("Concat", [prefix + "zero", prefix + "missing"], prefix + "pads", ("axis", .int(0))))
      for index in states..<names.count {
        let cut = "\(names[index]).cut"
        batch.nodes.append(
          helper(
            "Slice", [names[index], prefix + "zero", prefix + "length1", prefix + "zero"], cut))
        names[index] = cut
      }
    }
    var inner = self
    inner.name = name.isEmpty ? "" : name + ".sample"
    inner.inputs = names
    inner.outputs = body.outputs.indices.map { "\(prefix)y\($0)" }
    inner.opset = 9
    inner.attributes = attributes.map { name, value in
      (name == "directions" ? "scan_input_directions" : name, value)
    }
    batch.nodes.append(inner)
    for (index, output) in inner.outputs.enumerated() {
      var result = output
      if hasLengths, index >= states {
        result += ".padded"
        batch.nodes.append(
          helper("Pad", [output, prefix + "pads", "", prefix + "zero"], result))
      }
      batch.outputs.append(ValueFile(result, nil))
    }
    var outer = self
    outer.opset = 9
    outer.inputs = (hasLengths ? [inputs[0]] : []) + given
    outer.attributes = [("num_scan_inputs", .int(outer.inputs.count)), ("body", .raw([]))]
    outer.subgraphs = [("body", batch)]
    outer.captures = batch.freeNames
    return outer
  }

  /// A node of today's form.
  private func helper(
    _ op: String, _ inputs: [String], _ output: String,
    _ attributes: (name: String, value: AttributeValue)...
  ) -> NodeFile {
    var node = NodeFile()
    node.opType = op
    node.inputs = inputs
    node.outputs = [output]
    node.attributes = attributes
    node.opset = 18
    return node
  }
}
