import QATCore
import QATIR

extension OpsetHistory {
  /// Before 13 the function ran over all axes from `axis` (1 by default) on, as one.
  static let softmax = ["Softmax", "LogSoftmax"].map { op in
    OpsetHistory(
      op,
      [
        .init(version: 13) { node in
          let axis: Int
          if case .int(let given)? = node.take("axis") { axis = given } else { axis = 1 }
          if let rank = node.shape?.rank, axis == rank - 1 || axis == -1 {
            node.attributes.append(("axis", .int(-1)))
            return
          }
          // [a, b, c, d] with axis 1: flatten to [a, b*c*d], apply, and shape like the input.
          guard let input = node.inputs.first, let output = node.outputs.first else { return }
          var flatten = Flatten()
          flatten.axis = axis
          node.before = [.init(op: flatten, inputs: [input], output: output + ".flat")]
          node.inputs[0] = output + ".flat"
          node.attributes.append(("axis", .int(-1)))
          node.after = [
            .init(op: ShapeOp(), inputs: [input], output: output + ".shape"),
            .init(op: Reshape(), inputs: ["", output + ".shape"], output: output),
          ]
        }
      ])
  }
}
