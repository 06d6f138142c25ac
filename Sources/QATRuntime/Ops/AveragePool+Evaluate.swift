import QATCore
import QATIR

extension AveragePool: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let x = call.tensor(0, as: T.self)
    var y = Tensor<T>(shape: call.shape())
    let loops = AveragePoolLoops(self, input: x.shape)
    loops.visit { y.elements[$1] += x.elements[$0] }
    for index in 0..<y.count { y.elements[index] /= T(loops.count(index)) }
    return [AnyTensor(y)]
  }
}

extension AveragePoolGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self)
    var dx = Tensor<T>(shape: call.shape())
    let loops = AveragePoolLoops(forward, input: dx.shape)
    loops.visit { dx.elements[$0] += dy.elements[$1] / T(loops.count($1)) }
    return [AnyTensor(dx)]
  }
}

/// The loops over the windows of an average pooling, and how many elements each counts.
private struct AveragePoolLoops {
  let planes: Int, inputs: Int, outputs: Int
  let taps: [SpatialTap]
  /// One for each window of a plane; at least 1.
  let counts: [Int]

  init(_ op: AveragePool, input: [Int]) {
    let sizes = Array(input[2...])
    let axes = op.window.resolved(
      input: sizes, kernel: op.window.kernelShape, ceilMode: op.ceilMode)
    planes = input[0] * input[1]
    inputs = sizes.reduce(1, *)
    outputs = axes.reduce(1) { $0 * $1.output }
    taps = spatialTaps(axes)
    // What a window covers is a product over the axes.
    counts = axes.reduce([1]) { counts, axis in
      let counted =
        op.countIncludePad
        ? -axis.padBegin..<max(-axis.padBegin, axis.input + axis.padEnd) : 0..<axis.input
      return counts.flatMap { count in
        (0..<axis.output).map { output in
          count
            * (0..<axis.kernel).count {
              counted.contains(axis.position(output: output, kernel: $0))
            }
        }
      }
    }.map { max($0, 1) }
  }

  func count(_ output: Int) -> Int { counts[output % outputs] }

  /// Calls `body` with the offsets of each element under each window.
  func visit(_ body: (_ input: Int, _ output: Int) -> Void) {
    for plane in 0..<planes {
      for tap in taps { body(plane * inputs + tap.input, plane * outputs + tap.output) }
    }
  }
}
