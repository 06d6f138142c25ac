import QATCore
import QATIR

extension ScaleFromLearned: FloatEvaluable {
  /// Computes in float32 whatever `T` is: scales are float32 when deployed.
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let parameters = zip(
      call.tensor(0, as: T.self).elements, call.tensor(1, as: T.self).elements
    ).map { quantizer.parameters(Float($0), shift: Float($1)) }
    return [
      AnyTensor(shape: call.shape(0), parameters.map { T($0.scale) }),
      AnyTensor(shape: call.shape(1), parameters.map { Int32($0.zeroPoint) }),
    ]
  }
}

extension ProjectLearned: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let count = call.tensor(5, as: Int64.self).elements[0]
    if count < Int64(limit) { return [call[2], call[3], call[6]] }
    let parameters = call.tensor(0, as: T.self), shifts = call.tensor(1, as: T.self)
    let initial = call.tensor(4, as: T.self).elements
    var projections = call.tensor(6, as: Int64.self).elements[0]
    var new: [(T, T)] = []
    for (index, (parameter, shift)) in zip(parameters.elements, shifts.elements).enumerated() {
      let old = (Float(parameter), Float(shift))
      let projected = quantizer.projected(
        old.0, shift: old.1, initial: Float(initial[index]))
      // What stays, stays in the precision it came in.
      let isSame =
        (projected.parameter == old.0 || old.0.isNaN) && (projected.shift == old.1 || old.1.isNaN)
      new.append(isSame ? (parameter, shift) : (T(projected.parameter), T(projected.shift)))
      if !isSame { projections &+= 1 }
    }
    return [
      AnyTensor(shape: call.shape(0), new.map(\.0)), AnyTensor(shape: call.shape(1), new.map(\.1)),
      AnyTensor(projections),
    ]
  }
}
