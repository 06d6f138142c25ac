import QATCore

// Arithmetic as calls, so that a gradient reads as its formula.
extension GraphBuilder {
  mutating func add(_ a: ValueID, _ b: ValueID) -> ValueID { emit(Add(), [a, b]) }
  mutating func subtract(_ a: ValueID, _ b: ValueID) -> ValueID { emit(Sub(), [a, b]) }
  mutating func multiply(_ a: ValueID, _ b: ValueID) -> ValueID { emit(Mul(), [a, b]) }
  mutating func divide(_ a: ValueID, _ b: ValueID) -> ValueID { emit(Div(), [a, b]) }

  mutating func multiply(_ a: ValueID, by factor: Double) -> ValueID {
    let factor = scalar(factor, like: a)
    return emit(Mul(), [a, factor])
  }

  mutating func add(_ a: ValueID, _ term: Double) -> ValueID {
    let term = scalar(term, like: a)
    return emit(Add(), [a, term])
  }

  /// `number - a`.
  mutating func subtract(_ a: ValueID, from number: Double) -> ValueID {
    let number = scalar(number, like: a)
    return emit(Sub(), [number, a])
  }

  /// `yes` where the condition holds, 0 elsewhere.
  mutating func keep(_ yes: ValueID, where condition: ValueID) -> ValueID {
    let zero = scalar(0, like: yes)
    return emit(Where(), [condition, yes, zero])
  }

  /// `low < x && x < high`.
  mutating func isInside(_ x: ValueID, _ low: Double, _ high: Double) -> ValueID {
    let low = scalar(low, like: x), high = scalar(high, like: x)
    let above = emit(Greater(), [x, low]), below = emit(Less(), [x, high])
    return emit(And(), [above, below])
  }

  /// A gradient of a broadcast result, summed to the shape of the operand it belongs to.
  mutating func reduce(_ gradient: ValueID, like operand: ValueID) -> ValueID {
    if let a = type(of: gradient).shape, let b = type(of: operand).shape, a.rank == b.rank,
      zip(a.dimensions, b.dimensions).allSatisfy({ $0.isSame(as: $1) })
    {
      return gradient
    }
    return emit(ReduceLike(), [gradient, operand])
  }
}
