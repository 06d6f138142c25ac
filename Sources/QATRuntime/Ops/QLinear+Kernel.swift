import QATCore
import QATIR
import QATKernels

// Rules on codes with constant scales and zero points; with others they are evaluated.

extension QLinearAdd: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard let a = request.parameters(scale: 1, zero: 2, codes: 0),
      let b = request.parameters(scale: 4, zero: 5, codes: 3),
      let c = request.parameters(scale: 6, zero: 7, codes: 0)
    else { return nil }
    if quantizedSumSwapsOperands(request.shape(0), request.shape(3)) {
      return rows(request, 3, 0) { CodeLoops.add($0, b, $1, a, to: $2, c, $3) }
    }
    return rows(request, 0, 3) { CodeLoops.add($0, a, $1, b, to: $2, c, $3) }
  }
}

extension QLinearMul: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard let a = request.parameters(scale: 1, zero: 2, codes: 0),
      let b = request.parameters(scale: 4, zero: 5, codes: 3),
      let c = request.parameters(scale: 6, zero: 7, codes: 0)
    else { return nil }
    return rows(request, 0, 3) { CodeLoops.multiply($0, a, $1, b, to: $2, c, $3) }
  }
}

extension QLinearSigmoid: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    lookUp(request, rationalLogistic)
  }
}

extension QLinearLeakyRelu: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    lookUp(request) { leakyRelu($0, alpha: alpha) }
  }
}

private func lookUp(_ request: KernelRequest, _ f: (Float) -> Float) -> Kernel? {
  guard let x = request.parameters(scale: 1, zero: 2, codes: 0),
    let y = request.parameters(scale: 3, zero: 4, codes: 0)
  else { return nil }
  let entries = QuantizedTable(from: x, to: y, f)
  // Bytes in the order of bit patterns: 0...127 come before -128...-1.
  let table = (0..<256).map { byte in
    let code = x.grid.min < 0 && byte > 127 ? byte - 256 : byte
    return UInt8(truncatingIfNeeded: entries[code])
  }
  return elementKernel(request) { x, y in CodeLoops.lookUp(x, table: table, y) }
}

extension QLinearAveragePool: Executable, ExecutableChannelsLast {
  /// Two-dimensional, without counting padding.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    try kernel(for: request, channelsLast: channelsLast)
  }

  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    try kernel(for: request, channelsLast: true)
  }

  private func kernel(
    for request: KernelRequest, channelsLast: Bool
  ) throws(Diagnostic) -> Kernel? {
    let sizes = [request.shape(0), request.resultShape()].map {
      channelsLast ? channelsFirst($0) : $0
    }
    guard !countIncludePad,
      let shape = poolingShape(window, ceilMode: ceilMode, x: sizes[0], y: sizes[1]),
      let x = request.parameters(scale: 1, zero: 2, codes: 0),
      let y = request.parameters(scale: 3, zero: 4, codes: 0)
    else { return nil }
    let pool = request.pool
    return Kernel { call in
      PoolingKernels.averageCodes(
        shape, channelsLast: channelsLast, x: call[0], from: x, y: call.result(), to: y, pool)
    }
  }
}

extension QLinearGlobalAveragePool: Executable, ExecutableChannelsLast {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    kernel(for: request, channelsLast: channelsLast)
  }

  func channelsLastKernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    kernel(for: request, channelsLast: true)
  }

  private func kernel(for request: KernelRequest, channelsLast: Bool) -> Kernel? {
    let given = request.shape(0), shape = channelsLast ? channelsFirst(given) : given
    guard shape.count > 2, !shape.contains(0),
      let x = request.parameters(scale: 1, zero: 2, codes: 0),
      let y = request.parameters(scale: 3, zero: 4, codes: 0)
    else { return nil }
    let pixels = shape[2...].reduce(1, *), channels = channelsLast ? shape[1] : 1
    let pool = request.pool
    return Kernel { call in
      PoolingKernels.globalAverageCodes(
        pixels: pixels, channels: channels, x: call[0], from: x, y: call.result(), to: y, pool)
    }
  }
}

extension KernelRequest {
  /// Constant parameters of a tensor of 8-bit codes with one scale; an absent zero point is 0.
  func parameters(scale: Int, zero: Int, codes: Int) -> AffineGrid? {
    guard let element = element(codes), element.bitWidth == 8,
      let grid = IntegerGrid(codesOf: element),
      let scales = constant(scale)?.elements(as: Float.self), scales.count == 1
    else { return nil }
    guard isPresent(zero) else {
      return AffineGrid(scale: scales[0], zeroPoint: 0, grid: grid)
    }
    guard let zeros = constant(zero)?.integers, zeros.count == 1 else { return nil }
    return AffineGrid(scale: scales[0], zeroPoint: zeros[0], grid: grid)
  }
}
