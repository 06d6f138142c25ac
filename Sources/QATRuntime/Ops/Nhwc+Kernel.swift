import QATCore
import QATIR
import QATKernels

/// An operation with a kernel for images whose channels come last.
protocol ExecutableChannelsLast: OnImages {
  /// The kernel for these types, or `nil` where there is none for them.
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel?
}

extension Nhwc: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    try (base as? any ExecutableChannelsLast)?.channelsLastKernel(for: request)
  }
}

extension Nhwc: OverwritesOperand {
  public func overwritableOperands(by result: Int) -> [Int] {
    (base as? any OverwritesOperand)?.overwritableOperands(by: result) ?? []
  }
}

extension Nhwc: CountsMultiplyAdds {
  public func multiplyAdds(_ request: KernelRequest) -> Int {
    (base as? any CountsMultiplyAdds)?.multiplyAdds(request) ?? 0
  }
}

extension QLinearConv: ExecutableChannelsLast {
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    integerConvolution(request, window, group: group, channelsLast: true)
  }
}

extension QLinearConvAdd: ExecutableChannelsLast {
  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    integerConvolution(
      request, convolution.window, group: convolution.group, channelsLast: true, adding: self)
  }
}

/// Sizes [N, spatial..., C] as [N, C, spatial...].
func channelsFirst(_ sizes: [Int]) -> [Int] {
  guard sizes.count > 2, let channels = sizes.last else { return sizes }
  return [sizes[0], channels] + sizes[1..<sizes.count - 1]
}
