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
  let inner = shape[(axis + 1)...].reduce(1, *)
  return try gatheredParts(shape, axis: axis, indices.integers ?? []).flatMap { part in
    part * inner..<(part + 1) * inner
  }
}

/// Which parts, of all elements behind an axis, a gathering along it takes.
/// - Throws: `invalid-data` for an index out of range.
func gatheredParts(
  _ shape: [Int], axis: Int, _ indices: [Int]
) throws(Diagnostic) -> [Int] {
  let size = shape[axis]
  var positions: [Int] = []
  for index in indices {
    positions.append(try checkedPosition(index, axis: axis, size: size))
  }
  return (0..<shape[..<axis].reduce(1, *)).flatMap { block in
    positions.map { block * size + $0 }
  }
}
