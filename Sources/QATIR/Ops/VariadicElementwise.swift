import QATCore

/// One number of many, element by element; the operands broadcast together.
public protocol VariadicElementwise: KeepsSamplesApart {
  /// The element types it takes; all numbers unless the operation says otherwise.
  static var elements: Set<ElementType> { get }
}

extension VariadicElementwise {
  public static var elements: Set<ElementType> { .numeric }
  public static var operands: [OperandSpec] {
    [OperandSpec("x", elements, as: "T", .variadic)]
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    guard operands.count > 0, operands.all.allSatisfy({ $0 != nil }) else {
      throw Diagnostic(.invalidOperand, "\(Self.name) needs at least one operand and none left out")
    }
    let shape = try broadcastShape((0..<operands.count).map { operands[$0].knownShape })
    return [TensorType(operands[0].element, shape)]
  }
}

extension VariadicElementwise {
  /// `dy` for the operands that equal the result; those that tie share it equally.
  func extremumGradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) -> [ValueID?] {
    let element = builder.type(of: call.result).element
    let masks = call.operands.indices.map { index in
      let isExtremum = builder.emit(Equal(), [call.operand(index), call.result])
      return builder.emit(Cast(to: element), [isExtremum])
    }
    let count = builder.emit(Sum(), masks)
    let share = builder.divide(call.seed, count)
    return masks.indices.map { index in
      guard call.needs(index) else { return nil }
      return builder.reduce(builder.multiply(share, masks[index]), like: call.operand(index))
    }
  }
}
