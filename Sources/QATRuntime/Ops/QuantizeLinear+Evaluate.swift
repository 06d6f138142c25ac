import QATCore
import QATIR

extension QuantizeLinear: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let element = call.resultTypes[0].element
    guard let grid = IntegerGrid(codesOf: element) else { throw call.unsupportedElement(element) }
    guard precision == 0 || precision == ElementType.f32.rawValue else {
      throw Diagnostic(.unsupported, "unsupported precision \(precision)", hint: "use f32")
    }
    let x = call[0], scales = try call.scales(1), zeroPoints = call.optional(2)?.integers
    let numbers: [Float]
    switch x.element {
    case .f32: numbers = x.elements() ?? []
    case .i32: numbers = (x.elements(as: Int32.self) ?? []).map { Float($0) }
    default: throw call.unsupportedElement(x.element)
    }
    let granularity = try Granularity(
      shape: x.shape, parameterShape: call[1].shape, axis: axis, blockSize: blockSize)
    return [
      call.result(
        numbers.enumerated().map { index, number in
          let parameter = granularity.parameter(of: index)
          return AffineGrid(
            scale: scales[parameter], zeroPoint: zeroPoints?[parameter] ?? 0, grid: grid
          ).quantize(number)
        })
    ]
  }
}
