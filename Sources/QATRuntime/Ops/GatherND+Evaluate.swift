import QATCore
import QATIR

extension GatherND: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let offsets = try partOffsets(call[0].shape, call[1], batchDimensions: batchDimensions)
    return [call[0].taking(offsets, shape: call.shape())]
  }
}

extension GatherNDGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let offsets = try partOffsets(call.shape(), call[2], batchDimensions: batchDimensions)
    return [AnyTensor(call.tensor(0, as: T.self).scattered(to: offsets, shape: call.shape()))]
  }
}

extension ScatterND: ScatteringEvaluable {
  func offsets(_ call: EvaluationCall) throws(Diagnostic) -> [Int] {
    try partOffsets(call[0].shape, call[1], batchDimensions: 0)
  }
}

/// The offsets of all elements of the parts that tuples of indices stand for.
private func partOffsets(
  _ shape: [Int], _ indices: AnyTensor, batchDimensions: Int
) throws(Diagnostic) -> [Int] {
  let inner = shape[(batchDimensions + (indices.shape.last ?? 0))...].reduce(1, *)
  let parts = try indexedParts(
    shape, indices.integers ?? [], shape: indices.shape, batchDimensions: batchDimensions)
  return parts.flatMap { part in part * inner..<(part + 1) * inner }
}

/// Which parts, of all elements behind the indexed axes, tuples of indices stand for.
/// - Parameter indicesShape: of the indices, their last axis a tuple.
/// - Throws: `invalid-data` for an index out of range.
func indexedParts(
  _ shape: [Int], _ indices: [Int], shape indicesShape: [Int], batchDimensions: Int
) throws(Diagnostic) -> [Int] {
  let length = indicesShape.last ?? 0
  let axes = batchDimensions..<batchDimensions + length
  let tuplesInBatch = indicesShape.dropLast().dropFirst(batchDimensions).reduce(1, *)
  var parts: [Int] = []
  parts.reserveCapacity(indices.count / max(length, 1))
  for tuple in 0..<(length == 0 ? 0 : indices.count / length) {
    var part = tuple / tuplesInBatch
    for (place, axis) in axes.enumerated() {
      let index = indices[tuple * length + place]
      part = part * shape[axis] + (try checkedPosition(index, axis: axis, size: shape[axis]))
    }
    parts.append(part)
  }
  return parts
}
