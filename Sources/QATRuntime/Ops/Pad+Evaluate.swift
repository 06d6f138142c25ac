import QATCore
import QATIR

extension Pad: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let offsets = try padOffsets(
      call[0].shape, mode, pads: call.optional(1), axes: call.optional(3))
    return [call[0].taking(offsets, shape: call.shape(), fill: call.optional(2))]
  }
}

extension PadGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call.tensor(0, as: T.self)
    let offsets = try padOffsets(
      call.shape(), mode, pads: call.optional(2), axes: call.optional(3))
    guard offsets.count == dy.count else {
      throw Diagnostic(.shapeMismatch, "dy has shape \(dy.shape), which is not the padded one")
    }
    return [AnyTensor(dy.scattered(to: offsets, shape: call.shape()))]
  }
}

/// For each element of the padded tensor the offset of what it is a copy of; -1 for the constant.
private func padOffsets(
  _ shape: [Int], _ mode: PadMode, pads: AnyTensor?, axes: AnyTensor?
) throws(Diagnostic) -> [Int] {
  let positions = try padPositions(
    shape, mode, pads: pads?.integers ?? [], axes: axes?.integers ?? Array(shape.indices))
  return gridOffsets(shape: shape, positions: positions)
}

/// For each axis and each position of the padded tensor the one that it is a copy of.
func padPositions(
  _ shape: [Int], _ mode: PadMode, pads: [Int], axes: [Int]
) throws(Diagnostic) -> [[Int]] {
  let (begins, ends) = try Pad.amounts(pads, axes: axes, rank: shape.count)
  return shape.enumerated().map { axis, size in
    (0..<max(0, size + begins[axis] + ends[axis])).map { position in
      mode.source(of: position - begins[axis], size: size) ?? -1
    }
  }
}
