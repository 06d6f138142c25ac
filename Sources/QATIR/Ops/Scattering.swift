import QATCore

/// How an update meets the element that it is written to.
public enum ScatterReduction: String, AttributeConvertible {
  /// It takes its place; which of several wins is not defined.
  case none
  /// The sum of both.
  case add
  /// The product of both.
  case mul
  /// The larger one.
  case max
  /// The smaller one.
  case min
}

/// A copy of `data` with `updates` written into some of its elements: `ScatterElements`,
/// `ScatterND`.
public protocol Scattering: Operation, Differentiable {
  /// How an update meets what is there.
  var reduction: ScatterReduction { get set }
  /// The operation that reads the elements that this one writes, of `data` and `indices`.
  var gathering: any Operation { get }
}

extension Scattering {
  /// Checks that the elements are of a type that can be reduced.
  func checkReduction(_ element: ElementType) throws(Diagnostic) {
    guard reduction == .none || Set.numeric.contains(element) else {
      throw Diagnostic(
        .typeMismatch, "reduction '\(reduction.rawValue)' of \(element.name)",
        hint: "insert a Cast, or use reduction 'none'")
    }
  }

  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    let data = call.operand(0), indices = call.operand(1), updates = call.operand(2)
    let dy = call.seed
    switch reduction {
    case .none:
      let kept = builder.emit(self, [dy, indices, zeros(like: updates, &builder)])
      return [kept, nil, builder.emit(gathering, [dy, indices])]
    case .add: return [dy, nil, builder.emit(gathering, [dy, indices])]
    case .max, .min:
      // All that equal the result share the gradient equally, as of `Max`.
      let written = builder.emit(gathering, [call.result, indices])
      let winners = isSame(updates, written, &builder)
      let wins = isSame(data, call.result, &builder)
      var sum = self
      sum.reduction = .add
      let count = builder.emit(sum, [wins, indices, winners])
      let share = builder.divide(dy, count)
      let update = builder.multiply(builder.emit(gathering, [share, indices]), winners)
      return [builder.multiply(share, wins), nil, update]
    case .mul: return productGradients(of: call, in: &builder)
    }
  }

  /// `dy` times all factors but the own one. Where one update alone is 0, all but it are multiplied
  /// with it left out.
  private func productGradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) -> [ValueID?] {
    let data = call.operand(0), indices = call.operand(1), updates = call.operand(2)
    let zeros = zeros(like: data, &builder)
    let ones = builder.emit(ExpandLike(), [builder.scalar(1, like: data), data])
    let factors = builder.emit(self, [ones, indices, updates])
    let isZero = builder.emit(Equal(), [updates, builder.scalar(0, like: updates)])
    let safe = builder.emit(Where(), [isZero, builder.scalar(1, like: updates), updates])
    let rest = builder.emit(self, [data, indices, safe])
    var sum = self
    sum.reduction = .add
    let element = builder.type(of: data).element
    let count = builder.emit(
      sum, [zeros, indices, builder.emit(Cast(to: element), [isZero])])
    let none = builder.emit(Equal(), [count, builder.scalar(0, like: data)])
    let one = builder.emit(Equal(), [count, builder.scalar(1, like: data)])
    let product = builder.multiply(call.seed, rest)
    let ofOthers = builder.emit(gathering, [builder.keep(product, where: none), indices])
    let ofZeros = builder.emit(gathering, [builder.keep(product, where: one), indices])
    let update = builder.emit(Where(), [isZero, ofZeros, builder.divide(ofOthers, safe)])
    return [builder.multiply(call.seed, factors), nil, update]
  }

  private func zeros(like value: ValueID, _ builder: inout GraphBuilder) -> ValueID {
    builder.emit(ExpandLike(), [builder.scalar(0, like: value), value])
  }

  /// 1 where two values are the same, 0 elsewhere.
  private func isSame(_ a: ValueID, _ b: ValueID, _ builder: inout GraphBuilder) -> ValueID {
    let same = builder.emit(Equal(), [a, b])
    return builder.emit(Cast(to: builder.type(of: a).element), [same])
  }
}
