import QATCore

/// `min(max(x, minimum), maximum)`; an absent bound does not bound. Where the bounds cross, the
/// result is the maximum.
///
/// - Operands: `x` any number type; `min`, `max`: its type, scalars.
/// - Gradient: `dy` where `min ≤ x ≤ max`; of the bounds, the sum of `dy` beyond them.
public struct Clip: Operation, ShapeArithmetic {
  public static let name: OpName = "Clip"
  public static let operands: [OperandSpec] = [
    OperandSpec("x", .numeric, as: "T"), OperandSpec("min", .numeric, as: "T", .optional),
    OperandSpec("max", .numeric, as: "T", .optional),
  ]
  public init() {}

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    for index in [1, 2] {
      if let shape = operands.optional(index)?.knownShape, shape.elementCount.size ?? 1 != 1 {
        throw Diagnostic(
          .shapeMismatch, "\(Self.operands[index].name) has shape \(shape), expected a scalar")
      }
    }
    return [operands[0]]
  }

  public func dimensions(_ operands: Operands) -> [Dimension]? {
    guard let x = operands.dimensions(0)?.map(\.integer) else { return nil }
    if operands.isPresent(1) && operands.integers(1)?.first == nil { return nil }
    if operands.isPresent(2) && operands.integers(2)?.first == nil { return nil }
    let low = operands.integers(1)?.first ?? .min + 1, high = operands.integers(2)?.first ?? .max
    return x.map { $0.map { Dimension(signed: min(max($0, low), high)) } ?? .unknown }
  }
}

extension Clip: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let x = call.operand(0), dy = call.seed
    if !call.needs(1) && !call.needs(2) {
      let bounds = (1...2).map { $0 < call.operands.count ? call.operands[$0] : nil }
      return [builder.emit(ClipGradient(), [dy, x] + bounds), nil, nil]
    }
    var gradients: [ValueID?] = [dy, nil, nil]
    for index in [1, 2] where index < call.operands.count {
      guard let bound = call.operands[index], let inside = gradients[0] else { continue }
      let beyond: ValueID
      if index == 1 {
        beyond = builder.emit(Less(), [x, bound])
      } else {
        beyond = builder.emit(Greater(), [x, bound])
      }
      let zero = builder.scalar(0, like: x)
      gradients[0] = builder.emit(Where(), [beyond, zero, inside])
      if call.needs(index) {
        gradients[index] = builder.reduce(builder.keep(dy, where: beyond), like: bound)
      }
    }
    return gradients
  }
}
