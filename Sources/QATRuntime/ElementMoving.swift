import QATCore
import QATIR

/// An operation that only moves elements: evaluated on their bits, whatever the type.
public protocol ElementMoving: Evaluable {
  /// The first result; the moved operands hold unsigned integers of the elements' width.
  func move<Bits: ReferenceInteger>(
    _ call: EvaluationCall, as: Bits.Type
  ) throws(Diagnostic) -> Tensor<Bits>
}

extension ElementMoving {
  public func evaluate(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    try evaluateMoves(call)
  }

  func evaluateMoves(_ call: EvaluationCall) throws(Diagnostic) -> [AnyTensor] {
    let element = call.resultTypes[0].element
    switch element.bitWidth {
    case 2..<8: return [try packed(call, element)]
    case 8: return try moved(call, element, as: UInt8.self)
    case 16: return try moved(call, element, as: UInt16.self)
    case 32: return try moved(call, element, as: UInt32.self)
    case 64: return try moved(call, element, as: UInt64.self)
    default: throw call.unsupportedElement(element)
    }
  }

  /// Types narrower than a byte are moved as bytes.
  private func packed(
    _ call: EvaluationCall, _ element: ElementType
  ) throws(Diagnostic) -> AnyTensor {
    let operands = call.operands.map { operand in
      operand.map { $0.element == element ? AnyTensor(shape: $0.shape, $0.patterns) : $0 }
    }
    let bytes = EvaluationCall(operands: operands, resultTypes: call.resultTypes)
    let result = try move(bytes, as: UInt8.self)
    return AnyTensor(element, shape: result.shape, patterns: result.elements)
  }

  private func moved<Bits: ReferenceInteger>(
    _ call: EvaluationCall, _ element: ElementType, as: Bits.Type
  ) throws(Diagnostic) -> [AnyTensor] {
    let operands = call.operands.map { operand in
      operand.map { $0.element == element ? $0.viewed(as: Bits.elementType) : $0 }
    }
    let bits = EvaluationCall(operands: operands, resultTypes: call.resultTypes)
    return [AnyTensor(try move(bits, as: Bits.self)).viewed(as: element)]
  }
}

extension AnyTensor {
  /// The same bytes as elements of another type of the same width.
  func viewed(as element: ElementType) -> AnyTensor {
    AnyTensor(element, shape: shape, storage: storage)
  }
}
