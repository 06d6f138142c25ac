import QATCore
import QATIR

extension QLinearAveragePool: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    if channelsLast {
      var op = self
      op.channelsLast = false
      return try Nhwc(op).evaluate(call)
    }
    let element = call[0].element
    let x = try call.parameters(scale: 1, zeroPoint: 2, codes: element)
    let y = try call.parameters(scale: 3, zeroPoint: 4, codes: element)
    let codes = call.codes(0), sizes = Array(call[0].shape[2...])
    let axes = window.resolved(input: sizes, kernel: window.kernelShape, ceilMode: ceilMode)
    var windows = Array(repeating: [Int](), count: axes.reduce(1) { $0 * $1.output })
    for tap in spatialTaps(axes) { windows[tap.output].append(tap.input) }
    // Padding counts with the whole kernel, also what reaches beyond it.
    let whole = window.kernelShape.reduce(1, *), plane = sizes.reduce(1, *)
    var result: [Int] = []
    for start in stride(from: 0, to: codes.count, by: max(plane, 1)) {
      for taps in windows {
        result.append(
          quantizedAverage(
            taps.lazy.map { codes[start + $0] },
            count: countIncludePad ? whole : max(taps.count, 1), from: x, to: y))
      }
    }
    return [call.result(result)]
  }
}

extension QLinearGlobalAveragePool: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    if channelsLast { return try Nhwc(QLinearGlobalAveragePool()).evaluate(call) }
    let element = call[0].element, codes = call.codes(0)
    let x = try call.parameters(scale: 1, zeroPoint: 2, codes: element)
    let y = try call.parameters(scale: 3, zeroPoint: 4, codes: element)
    let plane = max(call[0].shape[2...].reduce(1, *), 1)
    return [
      call.result(
        stride(from: 0, to: codes.count, by: plane).map {
          quantizedGlobalAverage(codes[$0..<$0 + plane], from: x, to: y)
        })
    ]
  }
}
