import QATCore
import QATIR

/// A scattering that knows which element each update goes to.
protocol ScatteringEvaluable: Scattering, NumericEvaluable {
  /// The offset in `data` for each element of `updates`.
  func offsets(_ call: EvaluationCall) throws(Diagnostic) -> [Int]
}

extension ScatteringEvaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    if reduction != .none { return try evaluateNumbers(call) }
    return [call[0].replacing(try offsets(call), by: call[2])]
  }

  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    // A NaN wins over every number.
    try reduced(call, as: T.self) { (old: T, new: T) in
      switch reduction {
      case .none: new
      case .add: old + new
      case .mul: old * new
      case .max: new > old || new.isNaN ? new : old
      case .min: new < old || new.isNaN ? new : old
      }
    }
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    try reduced(call, as: T.self) { (old: T, new: T) in
      switch reduction {
      case .none: new
      case .add: old &+ new
      case .mul: old &* new
      case .max: Swift.max(old, new)
      case .min: Swift.min(old, new)
      }
    }
  }

  private func reduced<T: TensorScalar>(
    _ call: EvaluationCall, as: T.Type, _ combine: (T, T) -> T
  ) throws(Diagnostic) -> [AnyTensor] {
    var y = call.tensor(0, as: T.self)
    let updates = call.tensor(2, as: T.self).elements
    for (update, offset) in try offsets(call).enumerated() {
      y.elements[offset] = combine(y.elements[offset], updates[update])
    }
    return [AnyTensor(y)]
  }
}
