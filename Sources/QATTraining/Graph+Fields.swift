import QATCore
import QATData
import QATIR
import QATPasses

extension Graph {
  /// The inputs, as a data set needs to know them.
  public var modelFields: [ModelField] { inputs.map { ModelField(self[$0].name, self[$0].type) } }

  /// Samples in a batch: so many, or what the model takes where that is fixed.
  public func batchSize(_ wanted: Int) -> Int {
    inputs.compactMap { self[$0].type.shape?.dimensions.first?.size }.first { $0 > 0 } ?? wanted
  }

  /// The tensors of a batch under the names of the inputs: a nameless one feeds the only input.
  func bind(_ batch: Batch) -> [String: AnyTensor] {
    var result = batch.inputs
    if inputs.count == 1, let tensor = result.removeValue(forKey: Batch.unnamed) {
      result[self[inputs[0]].name] = tensor
    }
    return result
  }
}

extension Batch {
  /// What an output should be: the target of its name, or the nameless one.
  func target(of output: String) -> AnyTensor? { targets[output] ?? labels }

  /// What feeds an input for a target; `nil` where the batch has nothing for it.
  func tensor(for target: LossBuilder.Target) -> AnyTensor? {
    self.target(of: target.output)?.asLabels(of: target.type)
  }
}

extension AnyTensor {
  /// Labels in the shape that an input of a loss has: sizes of 1 may be missing or added.
  func asLabels(of type: TensorType) -> AnyTensor {
    guard let rank = type.shape?.rank, rank != shape.count, let count = shape.first,
      let dimensions = type.shape?.dimensions.dropFirst(),
      let sizes = Shape(Array(dimensions)).sizes,
      sizes.reduce(count, *) == elementCount
    else { return self }
    return reshaped([count] + sizes)
  }
}
