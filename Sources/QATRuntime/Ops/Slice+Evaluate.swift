import QATCore
import QATIR

extension Slice: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let offsets = try sliceOffsets(call[0].shape, (1...4).map { call.optional($0)?.integers })
    return [call[0].taking(offsets, shape: call.shape())]
  }
}

extension SliceGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self)
    let offsets = try sliceOffsets(call.shape(), (2...5).map { call.optional($0)?.integers })
    guard offsets.count == dy.count else {
      throw Diagnostic(.shapeMismatch, "dy has shape \(dy.shape), which is not that of the slice")
    }
    return [AnyTensor(dy.scattered(to: offsets, shape: call.shape()))]
  }
}

/// The offsets that a slice takes; `lists` are the starts, ends, axes and steps.
private func sliceOffsets(_ shape: [Int], _ lists: [[Int]?]) throws(Diagnostic) -> [Int] {
  guard let starts = lists[0], let ends = lists[1] else {
    throw Diagnostic(.invalidOperand, "starts and ends must be integers")
  }
  let axes = lists[2] ?? Array(starts.indices)
  let strides = rowMajorStrides(shape)
  var sliced = shape
  var steps = strides
  var start = 0
  for (entry, axis) in axes.enumerated() {
    let axis = try checkedAxis(axis, rank: shape.count, named: "axes")
    let range = SliceRange(
      size: shape[axis], start: starts[entry], end: ends[entry], step: lists[3]?[entry] ?? 1)
    sliced[axis] = range.count
    steps[axis] = range.step * strides[axis]
    start += range.start * strides[axis]
  }
  return viewOffsets(shape: sliced, strides: steps, start: start)
}
