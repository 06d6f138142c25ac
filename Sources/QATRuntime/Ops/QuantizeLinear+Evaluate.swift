import QATCore
import QATIR

extension QuantizeLinear: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let x = call[0], element = call.resultTypes[0].element
    let scales = try call.scales(1), zeroPoints = call.optional(2)?.doubles
    let granularity = try Granularity(
      shape: x.shape, parameterShape: call[1].shape, axis: axis, blockSize: blockSize)
    // i32 is rounded to f32 as it is divided.
    let numbers = x.floats ?? (x.integers ?? []).map { Float($0) }
    let quotients = rounded(
      numbers.enumerated().map { $1 / scales[granularity.parameter(of: $0)] }, x.shape)
    func zeroPoint(_ index: Int) -> Double {
      zeroPoints?[granularity.parameter(of: index)] ?? 0
    }
    guard let grid = IntegerGrid(codesOf: element) else {
      return [
        AnyTensor(
          element, shape: x.shape,
          rounding: quotients.enumerated().map { Double($1) + zeroPoint($0) }, saturate: saturate)
      ]
    }
    return [
      call.result(
        quotients.enumerated().map { index, quotient in
          QATCore.saturate(
            quotient.rounded(.toNearestOrEven), plus: Int(zeroPoint(index)), to: grid)
        })
    ]
  }

  /// Quotients in the precision that is asked for.
  private func rounded(_ quotients: [Float], _ shape: [Int]) -> [Float] {
    guard let type = ElementType(rawValue: precision), type != .f32 else { return quotients }
    return AnyTensor(type, shape: shape, rounding: quotients.map(Double.init)).floats ?? []
  }
}
