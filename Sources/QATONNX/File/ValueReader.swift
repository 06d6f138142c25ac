import CQATSchema
import QATCore
import QATIR

extension ModelReader {
  /// The name and type of a value.
  func value(
    _ message: UnsafeMutablePointer<Qat__Onnx__ValueInfo>, at path: FieldPath
  ) throws(Diagnostic) -> ValueFile {
    var result = unsafe ValueFile(text(message.pointee.name), nil)
    var rest = unsafe message.pointee.withoutPlace
    unsafe rest.name = nil
    let arena = MessageArena()
    if let type = unsafe message.pointee.type {
      result.type = unsafe try self.type(
        type.pointee, at: path.appending("type"), source.place(of: message).lowerBound)
      switch unsafe type.pointee.value_case {
      case QAT__ONNX__TYPE__VALUE_TENSOR_TYPE, QAT__ONNX__TYPE__VALUE__NOT_SET: break
      default: result.isTensor = false
      }
      if result.type != nil {
        let inner = unsafe leftovers(of: type.pointee, arena)
        unsafe rest.type = unsafe inner.packed.isEmpty ? nil : arena.copy(inner)
      }
    }
    result.rest.bytes = unsafe rest.packed
    return result
  }

  /// A tensor's type; `nil` for any other, and for an element type that is not known.
  private func type(
    _ type: Qat__Onnx__Type, at path: FieldPath, _ offset: Int
  ) throws(Diagnostic) -> TensorType? {
    guard unsafe type.value_case == QAT__ONNX__TYPE__VALUE_TENSOR_TYPE,
      let tensor = unsafe type.tensor_type?.pointee,
      let element = unsafe ElementType(rawValue: Int(tensor.elem_type))
    else { return nil }
    guard let shape = unsafe tensor.shape?.pointee else { return TensorType(element, nil) }
    guard unsafe shape.n_dim <= Shape.highestRank else {
      throw unsafe .malformed("\(shape.n_dim) dimensions", at: offset, path)
    }
    var dimensions: [Dimension] = []
    for index in 0..<(unsafe shape.n_dim) {
      guard let dimension = unsafe shape.dim[index]?.pointee else { continue }
      switch unsafe dimension.value_case {
      case QAT__ONNX__DIMENSION__VALUE_DIM_VALUE:
        let size = unsafe Int(dimension.dim_value)
        guard size < 1 << 48 else {
          let path = path.appending("tensor_type").appending("shape").appending("dim", index)
          throw .malformed("a dimension of \(size)", at: offset, path)
        }
        dimensions.append(Dimension(size))
      case QAT__ONNX__DIMENSION__VALUE_DIM_PARAM:
        dimensions.append(Dimension(symbol: unsafe text(dimension.dim_param)))
      default: dimensions.append(.unknown)
      }
    }
    return TensorType(element, Shape(dimensions))
  }

  /// Denotations and fields of later versions of a tensor's type. Where a dimension has any, all of
  /// them stand there, most of them empty.
  private func leftovers(of type: Qat__Onnx__Type, _ arena: MessageArena) -> Qat__Onnx__Type {
    var rest = unsafe type
    guard var tensor = unsafe type.tensor_type?.pointee else { return unsafe rest }
    unsafe tensor.has_elem_type = 0
    if var shape = unsafe tensor.shape?.pointee {
      var dimensions: [UnsafeMutablePointer<Qat__Onnx__Dimension>?] = unsafe []
      var isPlain = true
      for index in 0..<(unsafe shape.n_dim) {
        guard var inner = unsafe shape.dim[index]?.pointee else { continue }
        unsafe inner.value_case = QAT__ONNX__DIMENSION__VALUE__NOT_SET
        if unsafe !inner.packed.isEmpty { isPlain = false }
        unsafe dimensions.append(arena.copy(inner))
      }
      unsafe shape.n_dim = isPlain ? 0 : dimensions.count
      unsafe shape.dim = unsafe arena.list(dimensions)
      unsafe tensor.shape = unsafe shape.packed.isEmpty ? nil : arena.copy(shape)
    }
    if unsafe tensor.packed.isEmpty {
      unsafe rest.value_case = QAT__ONNX__TYPE__VALUE__NOT_SET
    } else {
      unsafe rest.tensor_type = unsafe arena.copy(tensor)
    }
    return unsafe rest
  }
}
