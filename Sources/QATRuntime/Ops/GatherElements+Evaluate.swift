import QATCore
import QATIR

extension GatherElements: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let offsets = try elementOffsets(call[0].shape, axis: axis, call[1])
    return [call[0].taking(offsets, shape: call.shape())]
  }
}

extension ScatterElements: ScatteringEvaluable {
  func offsets(_ call: EvaluationCall) throws(Diagnostic) -> [Int] {
    try elementOffsets(call[0].shape, axis: axis, call[1])
  }
}

/// The offsets of the elements that indices along an axis stand for, one for each index.
/// - Throws: `invalid-data` for an index out of range.
private func elementOffsets(
  _ shape: [Int], axis: Int, _ indices: AnyTensor
) throws(Diagnostic) -> [Int] {
  let axis = try checkedAxis(axis, rank: shape.count)
  var strides = rowMajorStrides(shape)
  let stride = strides[axis]
  // Where each line begins; along it, the index says how far to go.
  strides[axis] = 0
  var offsets = viewOffsets(shape: indices.shape, strides: strides)
  for (place, index) in (indices.integers ?? []).enumerated() {
    offsets[place] += try checkedPosition(index, axis: axis, size: shape[axis]) * stride
  }
  return offsets
}
