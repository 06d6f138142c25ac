import QATCore
import QATIR
import QATRuntime

extension KernelCase {
  static let unary: [KernelCase] = [
    KernelCase(op: Abs(), operands: [floats([3, 37])]),
    KernelCase(op: Neg(), operands: [floats([3, 37])]),
    KernelCase(op: Floor(), operands: [floats([3, 37])]),
    KernelCase(op: Sqrt(), operands: [floats([41], 0, 9)], tolerance: 1e-7),
    KernelCase(op: Reciprocal(), operands: [floats([41], 0.1, 9)], tolerance: 1e-7),
    KernelCase(op: Exp(), operands: [floats([4, 33], -20, 20)], tolerance: 1e-6),
    KernelCase(op: Log(), operands: [floats([4, 33], 0.001, 20)], tolerance: 1e-6),
    KernelCase(op: Sigmoid(), operands: [floats([4, 33], -30, 30)], tolerance: 1e-6),
    KernelCase(op: Tanh(), operands: [floats([4, 33], -9, 9)], tolerance: 1e-6),
    KernelCase(op: Erf(), operands: [floats([4, 33], -4, 4)], tolerance: 1e-6),
    KernelCase(op: Gelu(), operands: [floats([4, 33], -6, 6)], tolerance: 1e-6),
    KernelCase(op: HardSwish(), operands: [floats([4, 33], -6, 6)], tolerance: 1e-6),
    KernelCase(op: HardSigmoid(), operands: [floats([4, 33], -6, 6)], tolerance: 1e-6),
    KernelCase(op: LeakyRelu(), operands: [floats([4, 33], -6, 6)], tolerance: 1e-7),
    KernelCase(op: Ceil(), operands: [floats([3, 37])]),
    KernelCase(op: Round(), operands: [floats([3, 37])]),
    KernelCase(op: Sin(), operands: [floats([4, 33], -9, 9)], tolerance: 1e-6),
    KernelCase(op: Cos(), operands: [floats([4, 33], -9, 9)], tolerance: 1e-6),
    KernelCase(op: Elu(), operands: [floats([4, 33], -9, 9)], tolerance: 1e-6),
    KernelCase(op: Selu(), operands: [floats([4, 33], -9, 9)], tolerance: 1e-6),
    KernelCase(op: Celu(), operands: [floats([4, 33], -9, 9)], tolerance: 1e-6),
    KernelCase(op: Softplus(), operands: [floats([4, 33], -30, 30)], tolerance: 1e-6),
    KernelCase(op: Mish(), operands: [floats([4, 33], -30, 30)], tolerance: 1e-6),
    KernelCase(op: Pow(), operands: [floats([4, 33]), AnyTensor(Int64(2))]),
    KernelCase(
      op: Pow(), operands: [floats([4, 33], 0, 9), floats([33], -2, 3)], tolerance: 1e-6),
    KernelCase(op: Swish(), operands: [floats([4, 33], -30, 30)], tolerance: 1e-6),
  ]

  static let folds: [KernelCase] = [Max() as any Operation, Min(), Sum(), Mean()].flatMap { op in
    let operands = [floats([3, 7]), floats([3, 7], 1, 3), floats([3, 7], -1, 1)]
    return (1...3).map {
      KernelCase(op: op, operands: Array(operands.prefix($0)), inputs: Set(0..<$0), tolerance: 1e-6)
    }
  }

  /// In floats of 16 bits, which are rounded once: in the last place at most.
  static let halves: [KernelCase] = [ElementType.f16, .bf16].flatMap { element in
    let rounded = { (x: AnyTensor) -> AnyTensor in
      try! ReferenceEvaluator.evaluate(Cast(to: element), [x])[0]
    }
    let x = rounded(floats([2, 3, 6, 5])), w = rounded(floats([4, 3, 3, 3], -1, 1))
    let tolerance = element == .f16 ? 0x1p-10 : 0x1p-7
    let conv = Conv(window([3, 3], [1, 1], [1, 1, 1, 1]), group: 1)
    return [
      KernelCase(op: conv, operands: [x, w, rounded(floats([4]))], tolerance: tolerance),
      KernelCase(op: conv, operands: [x, w], inputs: [0, 1], tolerance: tolerance),
      KernelCase(op: Add(), operands: [x, rounded(floats([3, 1, 1]))], inputs: [0, 1]),
      KernelCase(op: Mish(), operands: [x], tolerance: tolerance),
      KernelCase(op: ArgMax(axis: 1), operands: [x]),
      KernelCase(op: Softmax(), operands: [x], tolerance: tolerance),
      KernelCase(op: MatMul(), operands: [x, rounded(floats([5, 7]))], tolerance: tolerance),
    ]
  }

  static let broadcasts: [KernelCase] =
    [
      ([2, 3, 4, 5], [2, 3, 4, 5]), ([2, 3, 4, 5], []), ([], [7, 3]), ([2, 3, 4, 5], [3, 1, 1]),
      ([3, 1, 1], [2, 3, 4, 5]), ([6, 9], [9]), ([6, 9], [6, 1]), ([4, 1, 5], [1, 3, 5]),
      ([1, 6], [6, 6]),
    ].flatMap { a, b in
      [Add() as any Operation, Sub(), Mul(), Div()].map { op in
        KernelCase(op: op, operands: [floats(a), floats(b, 1, 3)], inputs: [0, 1])
      }
    }
    + [[2, 3, 4, 5], [], [3, 1, 1], [4, 5]].map { slope in
      KernelCase(
        op: PRelu(), operands: [floats([2, 3, 4, 5]), floats(slope, 0.1, 0.3)], inputs: [0, 1])
    }
}
