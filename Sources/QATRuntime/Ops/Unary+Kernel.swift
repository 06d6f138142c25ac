import QATCore
import QATIR
import QATKernels

// Functions of one float each; other element types are evaluated.

extension Abs: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.abs, request)
  }
}
extension Neg: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.negate, request)
  }
}
extension Sqrt: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.sqrt, request)
  }
}
extension Reciprocal: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.reciprocal, request)
  }
}
extension Floor: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.floor, request)
  }
}
extension Exp: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.exp, request)
  }
}
extension Log: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.log, request)
  }
}
extension Sigmoid: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.sigmoid, request)
  }
}
extension Tanh: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.tanh, request)
  }
}
extension Erf: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.erf, request)
  }
}
extension Gelu: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(approximate == "tanh" ? .geluTanh : .gelu, request)
  }
}
extension LeakyRelu: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.leakyRelu(slope: alpha), request)
  }
}
extension HardSigmoid: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.hardSigmoid(alpha: alpha, beta: beta), request)
  }
}
extension HardSwish: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.hardSwish, request)
  }
}
extension Ceil: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.ceil, request)
  }
}
extension Round: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.round, request)
  }
}
extension Sin: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.sin, request)
  }
}
extension Cos: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.cos, request)
  }
}
extension Softplus: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.softplus, request)
  }
}
extension Mish: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.mish, request)
  }
}
extension Swish: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.swish(alpha: alpha), request)
  }
}
extension Elu: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.elu(below: alpha, above: 1), request)
  }
}
extension Selu: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    unary(.elu(below: gamma * alpha, above: gamma), request)
  }
}
extension Celu: Executable {
  /// With `alpha` 1.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    alpha == 1 ? unary(.elu(below: 1, above: 1), request) : nil
  }
}

private func unary(_ op: FloatLoops.Unary, _ request: KernelRequest) -> Kernel? {
  guard request.element(0) == .f32 else { return nil }
  return elementKernel(request) { x, y in FloatLoops.unary(op, x, y) }
}
