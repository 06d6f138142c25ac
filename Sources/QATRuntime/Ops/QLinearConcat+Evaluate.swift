import QATCore
import QATIR

extension QLinearConcat: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let element = call.resultTypes[0].element, shape = call.shape()
    let y = try call.parameters(scale: 0, zeroPoint: 1, codes: element)
    let along = try checkedAxis(axis ?? 0, rank: shape.count)
    let outer = shape[..<along].reduce(1, *), inner = shape[along...].reduce(1, *)
    var codes = Array(repeating: 0, count: outer * inner), start = 0
    for first in stride(from: 2, to: call.operands.count, by: 3) {
      let x = try call.parameters(scale: first + 1, zeroPoint: first + 2, codes: element)
      let table = QuantizedTable(from: x, to: y), source = call.codes(first)
      let block = call[first].shape[along...].reduce(1, *)
      for (index, code) in source.enumerated() {
        codes[index / block * inner + start + index % block] = table[code]
      }
      start += block
    }
    return [call.result(codes)]
  }
}
