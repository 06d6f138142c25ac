import QATCore
import QATIR

extension KernelCase {
  static let quantized: [KernelCase] = [ElementType.u8, .i8].flatMap { element in
    let shift = element == .i8 ? -128 : 0
    let x = [codes([2, 3, 6, 5], element), AnyTensor(Float(0.03)), zero(117 + shift, element)]
    let y = [AnyTensor(Float(0.041)), zero(93 + shift, element)]
    var average = QLinearAveragePool()
    average.window = window([3, 2], [2, 1], [1, 0, 1, 1])
    return [
      KernelCase(op: QLinearSigmoid(), operands: x + y),
      KernelCase(op: QLinearLeakyRelu(), operands: x + y),
      KernelCase(op: average, operands: x + y),
      KernelCase(op: QLinearGlobalAveragePool(), operands: x + y),
    ]
      + [[2, 3, 6, 5], [], [3, 1, 1], [6, 5]].flatMap { (shape: [Int]) -> [KernelCase] in
        let b = [codes(shape, element, 5), AnyTensor(Float(0.017)), zero(201 + shift, element)]
        return [
          KernelCase(op: QLinearAdd(), operands: x + b + y, inputs: [0, 3]),
          KernelCase(op: QLinearAdd(), operands: b + x + y, inputs: [0, 3]),
          KernelCase(op: QLinearMul(), operands: x + b + y, inputs: [0, 3]),
        ]
      }
  }
}
