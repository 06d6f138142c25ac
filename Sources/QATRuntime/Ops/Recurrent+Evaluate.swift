import QATCore
import QATIR

/// What one step of one sequence computed: what goes on, and what its gradient needs.
struct RecurrentStep<T: ReferenceFloat> {
  /// The states before, and after.
  let before: [[T]], after: [[T]]
  /// What each gate's block of `r` was multiplied with.
  let reads: [[T]]
  /// The gates and the slopes of their activations, by gate.
  let gates: [[T]], slopes: [[T]]
  /// What else the layer computes in between.
  var rest: [[T]] = []
}

/// The gradients of one step.
struct RecurrentStepGradient<T: ReferenceFloat> {
  /// Of the products with `w` and `r`, by gate.
  let input: [[T]], state: [[T]]
  /// Of the states before.
  var before: [[T]]
  /// Of the vectors that the layer alone has.
  var vectors: [T] = []
}

/// A recurrent layer that is evaluated sequence by sequence, step by step.
protocol RecurrentEvaluable: Recurrent, FloatEvaluable {
  /// One step; `input` is `w` x and its bias.
  func step<T: ReferenceFloat>(
    input: [T], _ states: [[T]], _ weights: RecurrentWeights<T>
  ) -> RecurrentStep<T>
  /// The gradients of a step by those of the states behind it.
  func gradient<T: ReferenceFloat>(
    of step: RecurrentStep<T>, _ after: [[T]], _ weights: RecurrentWeights<T>
  ) -> RecurrentStepGradient<T>
  /// The gradients of a call of the layer: a requirement, so that each layer has code of its own.
  func evaluateGradients(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor]
}

extension RecurrentEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let layer = try RecurrentLayer<T>(self, call.operands), sizes = layer.sizes
    var y = [T](repeating: 0, count: call.shape().reduce(1, *))
    var states = layer.initialStates
    for direction in 0..<sizes.directions {
      for entry in 0..<sizes.batch {
        let range = layer.stateRange(direction, entry)
        for (step, result) in layer.run(self, direction, entry) {
          let start = sizes.output(step, direction, entry)
          y.replaceSubrange(start..<start + sizes.hidden, with: result.after[0])
          for (index, state) in result.after.enumerated() {
            states[index].replaceSubrange(range, with: state)
          }
        }
      }
    }
    return zip(call.resultTypes.indices, [y] + states).map {
      AnyTensor(shape: call.shape($0), $1)
    }
  }
}

extension RecurrentLayer {
  /// The steps of a sequence in the order of a direction, and what each computes.
  func run(
    _ op: some RecurrentEvaluable, _ direction: Int, _ entry: Int
  ) -> [(step: Int, result: RecurrentStep<T>)] {
    let range = stateRange(direction, entry), weights = weights[direction]
    var states = initialStates.map { Array($0[range]) }
    return steps(direction, entry).map { step in
      let result = op.step(input: weights.ofInput(input(step, entry)), states, weights)
      states = result.after
      return (step, result)
    }
  }
}
