import QATCore

// Operations that only move elements say, for each element of the result, the offset of the element
// of the operand that it is: evaluation takes from those offsets, the gradient adds to them.

/// The offsets of a regular view of a row-major tensor, in row-major order of the view.
///
/// - Parameter strides: how far neighbours along each axis of the view are apart; 0 repeats.
func viewOffsets(shape: [Int], strides: [Int], start: Int = 0) -> [Int] {
  var offsets = [start]
  for (size, stride) in zip(shape, strides) {
    var next: [Int] = []
    next.reserveCapacity(offsets.count * size)
    for offset in offsets {
      for index in 0..<size { next.append(offset + index * stride) }
    }
    offsets = next
  }
  return offsets
}

/// The offsets of a tensor whose axes are read at these positions, in row-major order of the
/// result;
/// -1 where one of the positions is.
func gridOffsets(shape: [Int], positions: [[Int]]) -> [Int] {
  var offsets = [0]
  for (size, positions) in zip(shape, positions) {
    offsets = offsets.flatMap { offset in
      positions.map { offset < 0 || $0 < 0 ? -1 : offset * size + $0 }
    }
  }
  return offsets
}

/// The position that an index, which may count from the back, stands for.
/// - Throws: `invalid-data` for one out of range.
func checkedPosition(_ index: Int, axis: Int, size: Int) throws(Diagnostic) -> Int {
  guard (-size..<size).contains(index) else {
    throw Diagnostic(
      .invalidData, "index \(index) is outside axis \(axis) of size \(size)",
      hint: size == 0 ? nil : "indices go from \(-size) to \(size - 1)")
  }
  return index < 0 ? index + size : index
}

/// The offsets of a tensor broadcast to a larger shape by NumPy's rule.
func broadcastOffsets(_ shape: [Int], to target: [Int]) -> [Int] {
  let strides = zip(shape, rowMajorStrides(shape)).map { $0 == 1 ? 0 : $1 }
  return viewOffsets(
    shape: target, strides: Array(repeating: 0, count: target.count - shape.count) + strides)
}

extension AnyTensor {
  /// A tensor of the elements at these row-major offsets.
  ///
  /// - Parameter fill: a scalar of the same type that stands where an offset is -1; 0 where `nil`.
  func taking(_ offsets: [Int], shape: [Int], fill: AnyTensor? = nil) -> AnyTensor {
    // Moving needs only the width of elements, so a handful of unsigned types serves all.
    switch element.bitWidth {
    case 8: moved(as: UInt8.self, offsets, shape, fill)
    case 16: moved(as: UInt16.self, offsets, shape, fill)
    case 32: moved(as: UInt32.self, offsets, shape, fill)
    case 64: moved(as: UInt64.self, offsets, shape, fill)
    default: movedPatterns(offsets, shape, fill)
    }
  }

  /// The tensor with elements of `updates`, of its type, at these row-major offsets.
  func replacing(_ offsets: [Int], by updates: AnyTensor) -> AnyTensor {
    var sources = Array(0..<elementCount)
    for (update, offset) in offsets.enumerated() { sources[offset] = elementCount + update }
    return AnyTensor.joined([self, updates], element).taking(sources, shape: shape)
  }

  private func moved<Unit: TensorScalar>(
    as: Unit.Type, _ offsets: [Int], _ shape: [Int], _ fill: AnyTensor?
  ) -> AnyTensor {
    let source = units(as: Unit.self)
    let fill = fill?.units(as: Unit.self).first ?? .zero
    let result = AnyTensor(shape: shape, offsets.map { $0 < 0 ? fill : source[$0] })
    return AnyTensor(element, shape: shape, storage: result.storage)
  }

  /// The bits of the elements as unsigned integers of the same width.
  private func units<Unit: TensorScalar>(as: Unit.Type) -> [Unit] {
    AnyTensor(Unit.elementType, shape: shape, storage: storage).elements() ?? []
  }

  private func movedPatterns(_ offsets: [Int], _ shape: [Int], _ fill: AnyTensor?) -> AnyTensor {
    let source = patterns, fill = fill?.patterns.first ?? 0
    return AnyTensor(
      element, shape: shape, patterns: offsets.map { $0 < 0 ? fill : source[$0] })
  }
}

extension Tensor where Scalar: ReferenceFloat {
  /// Zeros, to which each element is added at its offset; those at -1 are dropped.
  func scattered(to offsets: [Int], shape: [Int]) -> Tensor {
    var result = Tensor(shape: shape)
    for (index, offset) in offsets.enumerated() where offset >= 0 {
      result.elements[offset] += elements[index]
    }
    return result
  }
}
