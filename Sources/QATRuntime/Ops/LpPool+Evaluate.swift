import QATCore
import QATIR

extension LpPool: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    var y = Tensor<T>(shape: call.shape())
    visit(input: x.shape) { y.elements[$1] += power(abs(x.elements[$0]), p) }
    return [AnyTensor(y.map { root($0, p) })]
  }

  /// Calls `body` with the offsets of each element under each window.
  fileprivate func visit(input: [Int], _ body: (_ input: Int, _ output: Int) -> Void) {
    let sizes = Array(input[2...])
    let axes = window.resolved(input: sizes, kernel: window.kernelShape, ceilMode: ceilMode)
    let inputs = sizes.reduce(1, *), outputs = axes.reduce(1) { $0 * $1.output }
    let taps = spatialTaps(axes)
    for plane in 0..<input[0] * input[1] {
      for tap in taps { body(plane * inputs + tap.input, plane * outputs + tap.output) }
    }
  }
}

extension LpPoolGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self), x = call.tensor(1, as: T.self)
    let y = call.tensor(2, as: T.self)
    var dx = Tensor<T>(shape: call.shape())
    forward.visit(input: x.shape) { input, output in
      let value = x.elements[input]
      guard value != 0, y.elements[output] != 0 else { return }
      let share = power(abs(value) / y.elements[output], forward.p - 1)
      dx.elements[input] += dy.elements[output] * (value < 0 ? -share : share)
    }
    return [AnyTensor(dx)]
  }
}

extension GlobalLpPool: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self), positions = x.shape[2...].reduce(1, *)
    var y = Tensor<T>(shape: call.shape())
    for index in 0..<x.count { y.elements[index / positions] += power(abs(x.elements[index]), p) }
    return [AnyTensor(y.map { root($0, p) })]
  }
}

private func power<T: ReferenceFloat>(_ x: T, _ p: Int) -> T {
  switch p {
  case 0: 1
  case 1: x
  case 2: x * x
  default: T.pow(x, T(p))
  }
}

private func root<T: ReferenceFloat>(_ x: T, _ p: Int) -> T {
  p == 1 ? x : p == 2 ? x.squareRoot() : T.pow(x, 1 / T(p))
}
