import QATCore
import QATIR

extension Einsum: NumericEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] { [try contracted(call, as: T.self, one: 1, *, +)] }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] { [try contracted(call, as: T.self, one: 1, &*, &+)] }

  private func contracted<T: TensorScalar>(
    _ call: EvaluationCall, as: T.Type, one: T, _ multiply: (T, T) -> T, _ add: (T, T) -> T
  ) throws(Diagnostic) -> AnyTensor {
    let operands = call.operands.indices.map { call.tensor($0, as: T.self) }
    let axes = try EinsumEquation(equation).axes(ranks: operands.map(\.rank))
    var sizes: [EinsumEquation.Axis: Int] = [:]
    for (operand, names) in zip(operands, axes.inputs) {
      for (size, name) in zip(operand.shape, names) where sizes[name] ?? 1 == 1 {
        sizes[name] = size
      }
    }
    var summed: [EinsumEquation.Axis] = []
    for name in axes.inputs.flatMap({ $0 })
    where !axes.output.contains(name) && !summed.contains(name) {
      summed.append(name)
    }
    // An axis that stands twice moves along both: its diagonal. One of size 1 does not move.
    func offsets(_ names: [EinsumEquation.Axis]) -> [[Int]] {
      zip(operands, axes.inputs).map { operand, own in
        let strides = names.map { name in
          own.indices.reduce(0) { sum, axis in
            own[axis] == name && operand.shape[axis] > 1 ? sum + operand.strides[axis] : sum
          }
        }
        return viewOffsets(shape: names.map { sizes[$0] ?? 1 }, strides: strides)
      }
    }
    let starts = offsets(axes.output), steps = offsets(summed)
    let y = starts[0].indices.map { place in
      steps[0].indices.reduce(T.zero) { sum, step in
        add(
          sum,
          operands.indices.reduce(one) { product, operand in
            multiply(
              product, operands[operand].elements[starts[operand][place] + steps[operand][step]])
          })
      }
    }
    return AnyTensor(shape: call.shape(), y)
  }
}
