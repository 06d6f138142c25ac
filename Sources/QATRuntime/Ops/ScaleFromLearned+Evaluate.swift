import QATCore
import QATIR
import QATKernels

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

extension ScaleFromLearned: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32 else { return nil }
    let quantizer = quantizer
    return Kernel { call in
      let parameters = zip(call[0].floats, call[1].floats).map {
        quantizer.parameters($0, shift: $1)
      }
      call.result(0).write(parameters.map(\.scale))
      call.result(1).write(parameters.map { Int32($0.zeroPoint) })
    }
  }
}

extension ProjectLearned: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32 else { return nil }
    let op = self
    return Kernel { call in
      let count = call[5].int64s[0]
      if count < Int64(op.limit) {
        for (index, operand) in [2, 3, 6].enumerated() {
          call.result(index).copy(from: call[operand])
        }
        return
      }
      var parameters = call[0].floats, shifts = call[1].floats
      let initial = call[4].floats
      var projections = call[6].int64s[0]
      for index in parameters.indices
      where op.project(&parameters[index], &shifts[index], initial: initial[index]) {
        projections &+= 1
      }
      call.result(0).write(parameters)
      call.result(1).write(shifts)
      call.result(2).write([projections])
    }
  }

  /// - Returns: whether a parameter had to be put back into its bounds.
  fileprivate func project(
    _ parameter: inout Float, _ shift: inout Float, initial: Float
  ) -> Bool {
    let projected = quantizer.projected(parameter, shift: shift, initial: initial)
    let isSame =
      (projected.parameter == parameter || parameter.isNaN)
      && (projected.shift == shift || shift.isNaN)
    if !isSame { (parameter, shift) = (projected.parameter, projected.shift) }
    return !isSame
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
      var (p, s) = (Float(parameter), Float(shift))
      // What stays, stays in the precision it came in.
      let moved = project(&p, &s, initial: Float(initial[index]))
      new.append(moved ? (T(p), T(s)) : (parameter, shift))
      if moved { projections &+= 1 }
    }
    return [
      AnyTensor(shape: call.shape(0), new.map(\.0)), AnyTensor(shape: call.shape(1), new.map(\.1)),
      AnyTensor(projections),
    ]
  }
}
