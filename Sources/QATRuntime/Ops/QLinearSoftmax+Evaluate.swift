import QATCore
import QATIR

extension QLinearSoftmax: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let element = call[0].element, shape = call[0].shape
    let x = try call.parameters(scale: 1, zeroPoint: 2, codes: element)
    let y = try call.parameters(scale: 3, zeroPoint: 4, codes: element)
    let axis = try checkedAxis(axis, rank: shape.count)
    // Before version 13 the axes from `axis` on are one.
    let joined = (opset ?? 13) < 13
    let size = joined ? shape[axis...].reduce(1, *) : shape[axis]
    let inner = joined ? 1 : shape[(axis + 1)...].reduce(1, *)
    var codes = call.codes(0)
    if codes.isEmpty { return [call.result(codes)] }
    let softmax = QuantizedSoftmax(count: size, from: x, to: y)
    for row in 0..<codes.count / size {
      let start = row / inner * inner * size + row % inner
      let places = (0..<size).map { start + $0 * inner }
      for (place, code) in zip(places, softmax(places.map { codes[$0] })) { codes[place] = code }
    }
    return [call.result(codes)]
  }
}
