import QATCore
import QATIR

extension OpsetHistory {
  /// `consumed_inputs` went with 6.
  static let instanceNormalization = OpsetHistory(
    "InstanceNormalization", [.dropped(at: 6, ["consumed_inputs"])])

  /// Came with 18; scale and bias were of groups, not of channels, before 21.
  static let groupNormalization = OpsetHistory(
    "GroupNormalization",
    [
      .init(version: 21) { node throws(Diagnostic) in
        guard
          case .int(let groups)? = node.attributes.first(where: { $0.name == "num_groups" })?.value,
          let channels = node.shape?.dimensions.dropFirst().first?.size,
          groups > 0, channels % groups == 0, node.inputs.count == 3
        else {
          throw Diagnostic(
            .unsupported, "the groups of a GroupNormalization of before opset 21 are unknown",
            hint: "declare the channels of the graph's inputs")
        }
        if groups == channels { return }
        node.repeatElements(ofInputs: [1, 2], groups, channels / groups)
      }
    ], needed: { _, _ in 21 })

  /// Came with 23.
  static let rmsNormalization = OpsetHistory("RMSNormalization", needed: { _, _ in 23 })

  /// Came with 23.
  static let rotaryEmbedding = OpsetHistory("RotaryEmbedding", needed: { _, _ in 23 })

  /// Came with 23, the valid lengths with 24, windows with 25.
  static let attention = OpsetHistory(
    "Attention",
    needed: { node, _ in
      if node.op.attributeValues.contains(where: { $0.name.hasSuffix("_window_size") }) {
        return 25
      }
      return node.operands.count > 6 && node.operands[6] != nil ? 24 : 23
    })

  /// `output_sequence` went with 7; `layout` came with 14.
  static let recurrent = ["LSTM", "GRU", "RNN"].map { op in
    OpsetHistory(
      op, [.dropped(at: 7, ["output_sequence"])],
      needed: { node, _ in
        node.op.attributeValues.contains { $0.name == "layout" } ? 14 : 13
      })
  }
}

extension ImportedNode {
  /// Repeats each of the `count` elements of some inputs, one copy beside the other.
  fileprivate mutating func repeatElements(ofInputs indices: [Int], _ count: Int, _ copies: Int) {
    func constant(_ numbers: [Int], _ suffix: String) -> String {
      let name = "\(stem).\(suffix)"
      constants.append((name, AnyTensor(shape: [numbers.count], numbers.map(Int64.init))))
      return name
    }
    let column = constant([count, 1], "column"), rows = constant([count, copies], "rows")
    let all = constant([-1], "all")
    for index in indices {
      let result = "\(stem).repeated\(index)"
      before += [
        .init(op: Reshape(), inputs: [inputs[index], column], output: result + ".column"),
        .init(op: Expand(), inputs: [result + ".column", rows], output: result + ".rows"),
        .init(op: Reshape(), inputs: [result + ".rows", all], output: result),
      ]
      inputs[index] = result
    }
  }
}
