import QATCore
import QATIR

extension Concat: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let inputs = call.operands.compactMap { $0 }
    let shape = call.shape()
    let element = inputs[0].element
    // The operands one behind the other in memory, then the blocks of each in their places.
    var offsets = Array(repeating: -1, count: shape.reduce(1, *))
    var base = 0
    var position = 0
    let axis = try checkedAxis(axis, rank: shape.count)
    for input in inputs {
      let places = partOffsets(of: shape, axis: axis, from: position, count: input.shape[axis])
      for (source, place) in places.enumerated() { offsets[place] = base + source }
      base += input.elementCount
      position += input.shape[axis]
    }
    return [AnyTensor.joined(inputs, element).taking(offsets, shape: shape)]
  }
}

extension ConcatGradient: FloatEvaluable {
  public func evaluate<T: ReferenceFloat>(
    _ call: EvaluationCall, as: T.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let dy = call[0]
    let axis = try checkedAxis(axis, rank: dy.shape.count)
    return parts(of: dy, axis: axis, shapes: call.resultTypes.indices.map { call.shape($0) })
  }
}

extension Split: Evaluable {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let x = call[0]
    let axis = try checkedAxis(axis, rank: x.shape.count)
    return parts(of: x, axis: axis, shapes: call.resultTypes.indices.map { call.shape($0) })
  }
}

/// Parts of these shapes, one behind the other along an axis.
private func parts(of x: AnyTensor, axis: Int, shapes: [[Int]]) -> [AnyTensor] {
  var position = 0
  return shapes.map { shape in
    defer { position += shape[axis] }
    let offsets = partOffsets(of: x.shape, axis: axis, from: position, count: shape[axis])
    return x.taking(offsets, shape: shape)
  }
}

/// The offsets of `count` positions of an axis, all of the others.
private func partOffsets(of shape: [Int], axis: Int, from start: Int, count: Int) -> [Int] {
  var part = shape
  part[axis] = count
  let strides = rowMajorStrides(shape)
  return viewOffsets(shape: part, strides: strides, start: start * strides[axis])
}

extension AnyTensor {
  /// The elements of several tensors of one type as a vector.
  static func joined(_ tensors: [AnyTensor], _ element: ElementType) -> AnyTensor {
    let count = tensors.reduce(0) { $0 + $1.elementCount }
    if element.bitWidth < 8 {
      return AnyTensor(
        element, shape: [count], patterns: tensors.flatMap(\.patterns))
    }
    let bytes = tensors.flatMap { tensor in
      AnyTensor(.u8, shape: [tensor.storage.byteCount], storage: tensor.storage)
        .elements(as: UInt8.self) ?? []
    }
    let storage = AnyTensor(shape: [bytes.count], bytes).storage
    return AnyTensor(element, shape: [count], storage: storage)
  }
}
