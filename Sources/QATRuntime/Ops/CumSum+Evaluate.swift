import QATCore
import QATIR

extension CumSum: NumericEvaluable {
  /// Added up in double precision.
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self).map { Double($0) }
    return [AnyTensor(try sums(of: x, call, 0.0) { $0 + $1 }.map { T($0) })]
  }

  public func evaluate<T: ReferenceInteger>(
    _ call: EvaluationCall, asInteger: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let zero: T = 0
    return [AnyTensor(try sums(of: call.tensor(0, as: T.self), call, zero) { $0 &+ $1 })]
  }

  private func sums<T: TensorScalar>(
    of x: Tensor<T>, _ call: EvaluationCall, _ zero: T, _ add: (T, T) -> T
  ) throws(Diagnostic) -> Tensor<T> {
    let axis = try checkedAxis(call[1].integers?.first ?? 0, rank: x.rank)
    let lines = AxisLines(x.shape, axis: axis), elements = x.elements
    var result = elements
    lines.forEach { line in
      var sum = zero
      for offset in reverse ? Array(line.reversed()) : Array(line) {
        let before = sum
        sum = add(sum, elements[offset])
        result[offset] = exclusive ? before : sum
      }
    }
    return Tensor(shape: x.shape, result)
  }
}
