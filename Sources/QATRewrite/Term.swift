import QATCore
import QATIR

/// A value that a rewrite wants: one that is there, or arithmetic that emits nodes when it is asked.
///
/// Terms are how a rewrite computes on parameters without evaluating anything: `fold-constants` does
/// that afterwards, so that one pass serves constants, variables and fake-quantized weights.
public struct Term: Sendable {
  private let make: @Sendable (inout GraphBuilder) -> ValueID

  /// What a function emits.
  public init(_ make: @escaping @Sendable (inout GraphBuilder) -> ValueID) { self.make = make }
  /// A value that is there already.
  public init(_ value: ValueID) { make = { _ in value } }

  /// A constant.
  public static func constant(_ tensor: AnyTensor, name: String = "constant") -> Term {
    Term { $0.constant(tensor, name: name) }
  }

  /// An operation on terms; `nil` for an absent operand.
  public static func op(_ op: any Operation, _ operands: [Term?]) -> Term {
    Term { builder in
      let values = operands.map { $0?.emit(in: &builder) }
      return builder.emit(op, values)
    }
  }

  /// The same, under a name that says what it is; a number follows where that is taken.
  public func named(_ name: String) -> Term {
    Term { builder in
      let value = emit(in: &builder)
      if let node = builder.graph.producer(of: value) {
        builder.graph.rename(value, to: builder.graph.freeValueName(name))
        builder.graph.rename(node, to: builder.graph[value].name)
      }
      return value
    }
  }

  /// Emits whatever the term needs and returns its value.
  public func emit(in builder: inout GraphBuilder) -> ValueID { make(&builder) }

  /// The sum, with broadcasting.
  public static func + (a: Term, b: Term) -> Term { .op(Add(), [a, b]) }
  /// The difference, with broadcasting.
  public static func - (a: Term, b: Term) -> Term { .op(Sub(), [a, b]) }
  /// The product, with broadcasting.
  public static func * (a: Term, b: Term) -> Term { .op(Mul(), [a, b]) }
  /// The quotient, with broadcasting.
  public static func / (a: Term, b: Term) -> Term { .op(Div(), [a, b]) }

  /// The sum with a number.
  public static func + (a: Term, b: Float) -> Term {
    Term { builder in
      let x = a.emit(in: &builder)
      let y = builder.scalar(Double(b), like: x)
      return builder.emit(Add(), [x, y])
    }
  }

  /// The square root of each element.
  public func squareRoot() -> Term { .op(Sqrt(), [self]) }

  /// Each slice along `axis` times its element of the vector `factors`.
  public func scaled(by factors: Term, along axis: Int) -> Term {
    Term { builder in
      let x = emit(in: &builder), k = factors.emit(in: &builder)
      let rank = builder.type(of: x).shape?.rank ?? 1
      guard rank > 1 else { return builder.emit(Mul(), [x, k]) }
      let shape = builder.integers((0..<rank).map { $0 == axis ? -1 : 1 })
      return builder.emit(Mul(), [x, builder.emit(Reshape(), [k, shape])])
    }
  }
}
