import QATCore
import QATIR

extension Tile: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    [call[0].taking(tileOffsets(call[0].shape, to: call.shape()), shape: call.shape())]
  }
}

extension TileGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self)
    let offsets = tileOffsets(call.shape(), to: dy.shape)
    return [AnyTensor(dy.scattered(to: offsets, shape: call.shape()))]
  }
}

/// For each element of the repeated tensor the offset of what it is a copy of.
private func tileOffsets(_ shape: [Int], to target: [Int]) -> [Int] {
  gridOffsets(
    shape: shape,
    positions: zip(shape, target).map { size, count in (0..<count).map { $0 % size } })
}
