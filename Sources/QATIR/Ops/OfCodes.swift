import QATCore

/// An operation that can read codes where it takes floats.
public protocol TakesCodes: Operation {
  /// The operand that codes may stand for.
  static var codesOperand: Int { get }
  /// The operation on codes of one scale; `nil` where these attributes ask for floats.
  var ofCodes: (any Operation)? { get }
}

extension TakesCodes {
  public var ofCodes: (any Operation)? { OfCodes(self) }
}

/// An operation on codes in the place of the floats x of one operand: what plans of training run, so that
/// nothing is written to be read once.
///
///     x = (q - zero_point) * scale
///
/// Operands are those of the operation, with `q` i8 or u8 instead of x, then `scale` f32 [] and
/// `zero_point` i32 []. Results and attributes are those of the operation on x, and so is what it
/// computes; `qat.GemmOfCodes` is the name of `OfCodes<Gemm>`.
public struct OfCodes<Base: TakesCodes>: Operation {
  public static var name: OpName { OpName(domain: "qat", type: Base.name.type + "OfCodes") }
  public static var operands: [OperandSpec] {
    var all = Base.operands
    all[Base.codesOperand] = .codes8("q", as: "Q")
    return all + [.f32("scale"), .i32("zero_point")]
  }
  public static var results: [ResultSpec] { Base.results }
  public static var attributes: [Attribute<Self>] { Base.attributes.map { $0.within(\.base) } }

  /// The operation on floats.
  public var base: Base

  public init() { base = Base() }
  /// An operation on codes instead of floats.
  public init(_ base: Base) { self.base = base }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let count = Base.operands.count, shape = operands[Base.codesOperand].knownShape
    try checkParameters(operands, Self.operands, count, count + 1, of: shape, axis: nil)
    var all = Array(operands.all.prefix(count))
    all[Base.codesOperand] = .init(TensorType(.f32, shape))
    return try base.resultTypes(Operands(all, resultCount: operands.resultCount))
  }

  public func resultElements(_ operands: Operands) -> [ElementType] {
    Array(repeating: .f32, count: operands.resultCount)
  }
}

extension Gemm: TakesCodes {
  public static var codesOperand: Int { 1 }
  public var ofCodes: (any Operation)? { transB || alpha != 1 || beta != 1 ? nil : OfCodes(self) }
}

extension Nhwc: TakesCodes where Base == ConvWeightGradient {
  public static var codesOperand: Int { 1 }
  /// Of all channels together.
  public var ofCodes: (any Operation)? { base.group == 1 ? OfCodes(self) : nil }
}
