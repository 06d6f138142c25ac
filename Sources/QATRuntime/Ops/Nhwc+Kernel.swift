import QATCore
import QATIR
import QATKernels

extension NhwcQLinearConv: Executable {
  /// Two-dimensional convolutions with weights and parameters that are constants.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard channelsLast else { return try channelsFirst.kernel(for: request) }
    return integerConvolution(request, window, group: group, channelsLast: true)
  }
}

/// Sizes [N, spatial..., C] as [N, C, spatial...].
func channelsFirst(_ sizes: [Int]) -> [Int] {
  guard sizes.count > 2, let channels = sizes.last else { return sizes }
  return [sizes[0], channels] + sizes[1..<sizes.count - 1]
}
