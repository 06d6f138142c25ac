import QATCore
import QATIR

extension QLinearMatMul: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let product = IntegerMatMul(call[0].shape, call[3].shape, result: call.shape())
    let aScales = try call.scales(1), bScales = try call.scales(4), yScale = try call.scales(6)[0]
    let multipliers = zip(
      product.offsets(of: call[1], .rows), product.offsets(of: call[4], .columns)
    ).map { requantizationMultiplier(aScales[$0], bScales[$1], yScale) }
    let scaled = zip(sums(call, product), multipliers).map { $0 * $1 }
    let element = call.resultTypes[0].element, zeroPoint = call[7].doubles?[0] ?? 0
    guard let grid = IntegerGrid(codesOf: element) else {
      return [
        AnyTensor(element, shape: call.shape(), rounding: scaled.map { Double($0) + zeroPoint })
      ]
    }
    return [
      call.result(
        scaled.map {
          saturate($0.rounded(.toNearestOrEven), plus: Int(zeroPoint), to: grid)
        })
    ]
  }

  /// The sums of products, in int32 (modulo 2^32) and rounded, or in float32 where there are 8-bit
  /// floats.
  private func sums(_ call: EvaluationCall, _ product: IntegerMatMul) -> [Float] {
    if call[0].element.isInteger, call[3].element.isInteger {
      return product(
        product.centred(call[0], call[2], .rows), product.centred(call[3], call[5], .columns)
      ).map { Float($0) }
    }
    func centred(_ codes: Int, _ zero: Int, _ kept: IntegerMatMul.Kept) -> [Float] {
      let zeros = call[zero].doubles ?? []
      return zip(call[codes].doubles ?? [], product.offsets(of: call[zero], kept, in: call[codes]))
        .map { Float($0 - zeros[$1]) }
    }
    return product(centred(0, 2, .rows), centred(3, 5, .columns))
  }
}
