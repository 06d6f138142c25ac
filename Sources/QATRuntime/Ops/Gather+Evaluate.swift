import QATCore
import QATIR

extension Gather: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let offsets = try gatherOffsets(call[0].shape, axis: axis, call[1])
    return [call[0].taking(offsets, shape: call.shape())]
  }
}

extension GatherGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let offsets = try gatherOffsets(call.shape(), axis: axis, call[2])
    let dy = call.tensor(0, as: T.self)
    return [AnyTensor(dy.scattered(to: offsets, shape: call.shape()))]
  }
}

/// The offsets that a gathering takes.
/// - Throws: `invalid-data` for an index out of range.
private func gatherOffsets(
  _ shape: [Int], axis: Int, _ indices: AnyTensor
) throws(Diagnostic) -> [Int] {
  let axis = try checkedAxis(axis, rank: shape.count)
  let size = shape[axis]
  let indices = indices.integers ?? []
  if let wrong = indices.first(where: { !(-size..<size).contains($0) }) {
    throw Diagnostic(
      .invalidData, "index \(wrong) is outside axis \(axis) of size \(size)",
      hint: "indices go from \(-size) to \(size - 1)")
  }
  let outer = shape[..<axis].reduce(1, *)
  let inner = shape[(axis + 1)...].reduce(1, *)
  var offsets: [Int] = []
  offsets.reserveCapacity(outer * indices.count * inner)
  for block in 0..<outer {
    for index in indices {
      let start = (block * size + (index < 0 ? index + size : index)) * inner
      offsets.append(contentsOf: start..<start + inner)
    }
  }
  return offsets
}
