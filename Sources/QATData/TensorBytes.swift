import QATCore

extension AnyTensor {
  /// A tensor of any element type from its bytes in row-major order, in the machine's byte order.
  ///
  /// - Precondition: exactly the bytes that `element` and `shape` ask for.
  init(_ element: ElementType, shape: [Int], bytes: [UInt8]) {
    self.init(element, shape: shape, storage: AnyTensor(shape: [bytes.count], bytes).storage)
  }

  /// The bytes of the elements. O(n).
  var bytes: [UInt8] {
    AnyTensor(.u8, shape: [storage.byteCount], storage: storage).elements(as: UInt8.self) ?? []
  }

  /// The elements as bit patterns of their own width, for types Swift has no scalar of.
  func bitPatterns<Bits: TensorScalar & FixedWidthInteger>(as: Bits.Type) -> [Bits] {
    AnyTensor(Bits.elementType, shape: shape, storage: storage).elements(as: Bits.self) ?? []
  }
}

/// The size in bytes of a tensor whose shape a file announces.
///
/// Even of an empty tensor no product of sizes may overflow, whatever their order.
///
/// - Throws: `malformed-file` for a size below 0 or a product beyond `Int`.
func checkedByteCount(_ element: ElementType, _ shape: [Int]) throws(Diagnostic) -> Int {
  var count = element.bitWidth
  for size in shape {
    let (product, overflow) = count.multipliedReportingOverflow(by: max(size, 1))
    guard size >= 0, !overflow, product < Int.max - 7 else {
      throw Diagnostic(.malformedFile, "the shape \(shape) is impossible")
    }
    count = product
  }
  return shape.contains(0) ? 0 : (count + 7) / 8
}

/// Refuses NaN and infinity in a float tensor; other element types have neither.
///
/// - Throws: `invalid-data` with the name of the tensor and the first bad position.
public func checkFinite(_ tensor: AnyTensor, named name: String) throws(Diagnostic) {
  let bad: Int?
  switch tensor.element {
  case .f32: bad = (tensor.elements(as: Float.self) ?? []).firstIndex { !$0.isFinite }
  case .f64: bad = (tensor.elements(as: Double.self) ?? []).firstIndex { !$0.isFinite }
  case .f16: bad = tensor.bitPatterns(as: UInt16.self).firstIndex { $0 & 0x7c00 == 0x7c00 }
  case .bf16: bad = tensor.bitPatterns(as: UInt16.self).firstIndex { $0 & 0x7f80 == 0x7f80 }
  default: bad = nil
  }
  guard let bad else { return }
  let position = zip(rowMajorStrides(tensor.shape), tensor.shape).map { bad / $0 % $1 }
  throw Diagnostic(
    .invalidData, "'\(name)' holds NaN or infinity at \(position) (shape \(tensor.shape))",
    hint: "clean the data: no range can be found and no loss computed from it")
}
