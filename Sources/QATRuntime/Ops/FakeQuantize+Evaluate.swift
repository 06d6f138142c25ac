import QATCore
import QATIR

extension FakeQuantize: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    if bypass { return [call[0]] }
    let x = call.tensor(0, as: T.self)
    let quantizers = try Quantizers<T>(
      call, scale: 1, zeroPoint: 2, of: x.shape, grid, axis: axis, blockSize: blockSize)
    return [
      AnyTensor(
        shape: x.shape, x.elements.enumerated().map { quantizers.fakeQuantized($1, at: $0) })
    ]
  }
}

extension FakeQuantizeGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self), x = call.tensor(1, as: T.self)
    let quantizers = try Quantizers<T>(
      call, scale: 2, zeroPoint: 3, of: x.shape, grid, axis: axis, blockSize: blockSize)
    return [
      AnyTensor(
        shape: x.shape,
        x.elements.enumerated().map {
          quantizers.isInside($1, at: $0) ? dy.elements[$0] : T.zero
        })
    ]
  }
}

/// The quantizers of the elements of one tensor, computing in `T` what `AffineGrid`
/// computes in float32.
private struct Quantizers<T: ReferenceFloat> {
  private let scales: [T]
  private let lows: [T], highs: [T]
  private let granularity: Granularity

  init(
    _ call: EvaluationCall, scale: Int, zeroPoint: Int, of shape: [Int], _ grid: IntegerGrid,
    axis: Int?, blockSize: Int
  ) throws(Diagnostic) {
    scales = call.tensor(scale, as: T.self).elements
    // The lowest and the highest code, counted from the zero point.
    lows = call.zeroPoints(zeroPoint).map { T(grid.min - $0) }
    highs = call.zeroPoints(zeroPoint).map { T(grid.max - $0) }
    granularity = try Granularity(of: shape, axis: axis, blockSize: blockSize)
  }

  func fakeQuantized(_ x: T, at element: Int) -> T {
    let parameter = granularity.parameter(of: element)
    let rounded = (x / scales[parameter]).rounded(.toNearestOrEven)
    // NaN takes the zero point; the sum makes -0 a 0, as the integers have only one.
    let steps = rounded.isNaN ? 0 : T.minimum(T.maximum(rounded, lows[parameter]), highs[parameter])
    return (steps + 0) * scales[parameter]
  }

  func isInside(_ x: T, at element: Int) -> Bool {
    let parameter = granularity.parameter(of: element)
    let rounded = (x / scales[parameter]).rounded(.toNearestOrEven)
    return lows[parameter] <= rounded && rounded <= highs[parameter]
  }
}
