import QATCore
import QATIR
import QATRewrite
import QATRuntime

extension GraphBuilder {
  /// Emits the variables of a learned quantizer, and what makes a scale and a zero point of them.
  ///
  /// The parameters of a weight begin with what the weight says; those of an activation are set by
  /// `calibrate`, or by the first batches of training.
  /// - Parameter isFrozen: nothing is learned: the parameters go on following the value, which stays.
  /// - Returns: the quantizer, and its operands behind the value.
  mutating func learnedQuantizer(
    of value: ValueID, _ settings: TensorSettings, axis: Int? = nil, blockSize: Int = 0,
    isFrozen: Bool = false
  ) throws(Diagnostic) -> (FakeQuantize, [ValueID]) {
    guard let learned = settings.learned else { preconditionFailure("asked where something is") }
    let isWeight = graph.isParameter(value), name = graph[value].name
    var op = settings.learnRange(learned, axis: axis, blockSize: blockSize, isWeight: isWeight)
    if isFrozen { op.limit = 0 }
    let start = try initialState(op, of: graph[value])
    let names = [
      learned.method == .pact ? "clip" : "step", learned.method == .lsqPlus ? "offset" : "zero",
      "initial", "batches",
    ]
    let state = zip(names, start).map {
      graph.addVariable(graph.freeValueName("\(name).\($0)"), $1)
    }
    let current = emit(op, [value] + state, results: 4, name: name + ".learned")
    let scale = emit(
      ScaleFromLearned(op.quantizer), [current[0], current[1]], results: 2, name: name + ".scale")
    var quantizer = FakeQuantize(
      grid: settings.grid, axis: axis, blockSize: blockSize,
      straightThrough: learned.method.rawValue)
    quantizer.batched = !isWeight
    return (quantizer, scale + (learned.method == .lsqPlus ? [current[1]] : []))
  }

  /// Parameter, shift, initial parameter and count; a parameter of 1 where there is nothing to see yet.
  private func initialState(_ op: LearnRange, of value: Value) throws(Diagnostic) -> [AnyTensor] {
    let shape = try parameterShape(
      of: value.type.knownShape, axis: op.axis, blockSize: op.blockSize)
    guard let sizes = shape.sizes else {
      throw Diagnostic(
        .unsupported, "the channels of '\(value.name)' are not known",
        hint: "use granularity: per-tensor")
    }
    let ones = AnyTensor(shape: sizes, Array(repeating: Float(1), count: sizes.reduce(1, *)))
    let state = [ones, zeros(sizes, .f32), ones, AnyTensor(Int64(0))]
    guard let tensor = value.parameter else { return state }
    var follow = op
    follow.training = true
    do throws(Diagnostic) {
      return try ReferenceEvaluator.evaluate(follow, [tensor] + state, resultCount: 4)
    } catch { throw error.at("'\(value.name)'") }
  }
}
