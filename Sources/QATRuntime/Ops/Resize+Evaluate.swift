import QATCore
import QATIR

extension Resize: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let x = call[0], taps = try taps(call, input: x.shape, operands: 1)
    switch x.element {
    case _ where mode == .nearest:
      let offsets = gridOffsets(
        shape: x.shape,
        positions: taps.map { axis in
          zip(axis.taps, axis.outside).map { $1 ? -1 : $0[0].position }
        })
      guard offsets.contains(-1) else { return [x.taking(offsets, shape: call.shape())] }
      let fill = try number(extrapolationValue, of: x.element, call)
      return [x.taking(offsets, shape: call.shape(), fill: fill)]
    case .f32: return [AnyTensor(interpolated(call.tensor(0, as: Float.self), taps))]
    case .f64: return [AnyTensor(interpolated(call.tensor(0, as: Double.self), taps))]
    case let element where element.isInteger:
      // In 32-bit floats, cut off, as ONNX Runtime does.
      let numbers = (x.integers ?? []).map { Float($0) }
      let y = interpolated(Tensor(shape: x.shape, numbers), taps)
      return [
        AnyTensor(element, shape: y.shape, integers: y.elements.map { clamped($0, to: element) })
      ]
    case let element: throw call.unsupportedElement(element)
    }
  }

  fileprivate func taps(
    _ call: EvaluationCall, input: [Int], operands first: Int
  ) throws(Diagnostic) -> [ResizeTaps] {
    try taps(
      input: input, roi: call.optional(first)?.doubles,
      scales: call.optional(first + 1)?.elements(), sizes: call.optional(first + 2)?.integers)
  }

  /// Axis by axis; what lies outside in the end.
  private func interpolated<T: ReferenceFloat>(
    _ x: Tensor<T>, _ taps: [ResizeTaps]
  ) -> Tensor<T> {
    var y = x
    for (axis, taps) in taps.enumerated() where !taps.isIdentity {
      y = y.resized(along: axis, taps)
    }
    forEachOutside(taps) { y.elements[$0] = T(extrapolationValue) }
    return y
  }

  /// The whole part of a number, inside an integer type.
  private func clamped(_ value: Float, to element: ElementType) -> Int {
    let bits = min(63, element.bitWidth - (element.isSigned ? 1 : 0))
    let limit = bits == 63 ? Int.max : 1 << bits - 1, low = element.isSigned ? -limit - 1 : 0
    let rounded = value.rounded(.towardZero)
    if rounded.isNaN { return 0 }
    return max(low, min(limit, Int(exactly: rounded) ?? (rounded < 0 ? .min : .max)))
  }

  private func number(
    _ value: Float, of element: ElementType, _ call: EvaluationCall
  ) throws(Diagnostic) -> AnyTensor {
    switch element {
    case .f32: AnyTensor(value)
    case .f64: AnyTensor(Double(value))
    case _ where element.isInteger:
      AnyTensor(element, shape: [], integers: [clamped(value, to: element)])
    default: throw call.unsupportedElement(element)
    }
  }
}

extension ResizeGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    var dx = call.tensor(0, as: T.self)
    let shape = call.shape(), taps = try forward.taps(call, input: shape, operands: 2)
    guard dx.shape == taps.map(\.taps.count) else {
      throw Diagnostic(.shapeMismatch, "dy has shape \(dx.shape), which is not the resized one")
    }
    forEachOutside(taps) { dx.elements[$0] = 0 }
    for (axis, taps) in taps.enumerated() where !taps.isIdentity {
      dx = dx.gathered(along: axis, taps, size: shape[axis])
    }
    return [AnyTensor(dx)]
  }
}

/// Calls `body` with the offset of every element of the result that lies outside along some axis.
private func forEachOutside(_ taps: [ResizeTaps], _ body: (Int) -> Void) {
  guard taps.contains(where: { $0.outside.contains(true) }) else { return }
  let shape = taps.map(\.taps.count)
  let offsets = gridOffsets(
    shape: shape,
    positions: taps.map { axis in axis.outside.enumerated().map { $1 ? -1 : $0 } })
  for (place, offset) in offsets.enumerated() where offset < 0 { body(place) }
}

extension Tensor where Scalar: ReferenceFloat {
  /// The weighted sums of neighbours along an axis.
  fileprivate func resized(along axis: Int, _ taps: ResizeTaps) -> Tensor {
    var result = Tensor(shape: replacing(axis, by: taps.taps.count))
    taps.forEach(along: axis, of: shape) { wide, narrow, weight in
      result.elements[wide] += Scalar(weight) * elements[narrow]
    }
    return result
  }

  /// Each element added to the neighbours along an axis that it was made of, by their weights.
  fileprivate func gathered(along axis: Int, _ taps: ResizeTaps, size: Int) -> Tensor {
    var result = Tensor(shape: replacing(axis, by: size))
    taps.forEach(along: axis, of: result.shape) { wide, narrow, weight in
      result.elements[narrow] += Scalar(weight) * elements[wide]
    }
    return result
  }

  private func replacing(_ axis: Int, by size: Int) -> [Int] {
    var shape = shape
    shape[axis] = size
    return shape
  }
}

extension ResizeTaps {
  /// Calls `body` with the offset of each resized element, the offset in the tensor of that shape
  /// of each neighbour of it, and its weight.
  fileprivate func forEach(
    along axis: Int, of shape: [Int], _ body: (_ wide: Int, _ narrow: Int, Float) -> Void
  ) {
    let inner = shape[(axis + 1)...].reduce(1, *), size = shape[axis], count = taps.count
    for block in 0..<shape[..<axis].reduce(1, *) {
      for (place, taps) in taps.enumerated() {
        let wide = (block * count + place) * inner
        for tap in taps {
          let narrow = (block * size + tap.position) * inner
          for i in 0..<inner { body(wide + i, narrow + i, tap.weight) }
        }
      }
    }
  }
}
