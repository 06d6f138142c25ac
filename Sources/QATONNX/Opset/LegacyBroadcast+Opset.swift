import QATCore
import QATIR

extension OpsetHistory {
  /// Before 7 the second operand was broadcast on demand, and placed by `axis`.
  static let legacyBroadcast = [
    "Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less",
  ].map { op in
    OpsetHistory(
      op,
      [
        .init(version: 7) { (node) throws(Diagnostic) in try node.placeSecondInput() }
      ])
  }

  /// Before 6 attributes said which inputs may be overwritten.
  static let consumedInputs = [
    "Abs", "Add", "Ceil", "Clip", "Div", "Dropout", "Elu", "Exp", "Floor", "HardSigmoid",
    "InstanceNormalization", "LeakyRelu", "Log", "Max", "Mean", "Min", "Mul", "Neg", "PRelu",
    "Reciprocal", "Relu", "Selu", "Sigmoid", "Sqrt", "Sub", "Sum", "Tanh",
  ].map { op in OpsetHistory(op, [.dropped(at: 6, ["consumed_inputs"])]) }

  /// Before 7 a vector of slopes belonged to the channels, axis 1.
  static let prelu = OpsetHistory(
    "PRelu",
    [
      .init(version: 7) { node in
        guard node.shapes.count > 1, let x = node.shapes[0], let slope = node.shapes[1],
          slope.rank == 1, slope[0].size != 1, x.rank > 2
        else { return }
        node.unsqueezeInput(1, axes: Array(1..<x.rank - 1))
      }
    ])
}

extension ImportedNode {
  /// Aligns the second input with `axis` of the first by axes of size 1 behind its own.
  fileprivate mutating func placeSecondInput() throws(Diagnostic) {
    let axis = take("axis")
    guard take("broadcast") == .int(1), case .int(let axis)? = axis else { return }
    guard shapes.count > 1, let a = shapes[0], let b = shapes[1] else {
      throw Diagnostic(.unsupported, "\(type) with an axis needs operands of known rank")
    }
    let start = axis < 0 ? axis + a.rank : axis
    guard start >= 0, start + b.rank <= a.rank else {
      throw Diagnostic(.invalidAttribute, "axis \(axis) does not place shape \(b) inside \(a)")
    }
    if start + b.rank < a.rank { unsqueezeInput(1, axes: Array(b.rank..<a.rank - start)) }
  }

  /// Puts axes of size 1 into an input, which has a known rank.
  fileprivate mutating func unsqueezeInput(_ index: Int, axes: [Int]) {
    let name = "\(outputs.first ?? type).input\(index)"
    constants.append((name + ".axes", AnyTensor(shape: [axes.count], axes.map(Int64.init))))
    before.append(.init(op: Unsqueeze(), inputs: [inputs[index], name + ".axes"], output: name))
    inputs[index] = name
  }
}
