import QATCore
import QATIR
import QATKernels

extension FakeQuantize: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32, !bypass else { return nil }
    let layout = CodeLayout(shape: request.shape(0), axis: axis, blockSize: blockSize),
      range = grid.codeRange, pool = request.pool
    return Kernel { call in
      layout.share(pool) { layout, part in
        QuantizationKernels.fakeQuantize(
          layout, x: call[0][part], scale: call[1], zero: call[2], range: range,
          y: call.result()[part])
      }
    }
  }
}

extension FakeQuantizeGradient: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32 else { return nil }
    let layout = CodeLayout(shape: request.shape(1), axis: axis, blockSize: blockSize),
      range = grid.codeRange, pool = request.pool
    return Kernel { call in
      layout.share(pool) { layout, part in
        QuantizationKernels.fakeQuantizeGradient(
          layout, dy: call[0][part], x: call[1][part], scale: call[2], zero: call[3], range: range,
          dx: call.result()[part])
      }
    }
  }
}

extension FakeQuantizeGradient: OverwritesOperand {
  public func overwritableOperands(by result: Int) -> [Int] { result == 0 ? [0, 1] : [] }
}

extension QuantizeLinear: Executable {
  /// Quantizing floats with a constant zero point, per tensor or along an axis.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32, request.element(1) == .f32, blockSize == 0,
      [0, ElementType.f32.rawValue].contains(precision),
      let codes = request.results[0]?.element, [.u8, .i8, .u16, .i16].contains(codes),
      let (layout, zero) = layout(request, axis: axis)
    else { return nil }
    let range = codeRange(codes), pool = request.pool
    return Kernel { call in
      layout.share(pool) { layout, part in
        QuantizationKernels.quantize(
          layout, x: call[0][part], scale: call[1], zero: zero, range: range,
          q: call.result()[part])
      }
    }
  }
}

extension DequantizeLinear: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(1) == .f32, request.results[0]?.element == .f32, blockSize == 0,
      let codes = request.element(0), [.u8, .i8, .u16, .i16].contains(codes),
      let (layout, zero) = layout(request, axis: axis)
    else { return nil }
    let pool = request.pool
    return Kernel { call in
      layout.share(pool) { layout, part in
        QuantizationKernels.dequantize(
          layout, q: call[0][part], scale: call[1], zero: zero, x: call.result()[part])
      }
    }
  }
}

/// The channels of a quantizer and its constant zero points.
private func layout(_ request: KernelRequest, axis: Int) -> (CodeLayout, [Int32])? {
  let count = request.shape(1).reduce(1, *)
  let layout = CodeLayout(
    shape: request.shape(0), axis: count == 1 && request.shape(1).isEmpty ? nil : axis)
  guard layout.channels == count else { return nil }
  guard request.isPresent(2) else { return (layout, Array(repeating: 0, count: count)) }
  guard let zero = request.constant(2)?.integers, zero.count == count else { return nil }
  return (layout, zero.map(Int32.init))
}

extension IntegerGrid {
  /// The codes as the kernels take them.
  var codeRange: ClosedRange<Int32> { Int32(min)...Int32(max) }
}

extension Clip {
  /// Codes with constant bounds.
  fileprivate func codeRange(_ request: KernelRequest) -> ClosedRange<Int32>? {
    guard let low = request.constant(1)?.integers?.first,
      let high = request.constant(2)?.integers?.first,
      low <= high
    else { return nil }
    return Int32(low)...Int32(high)
  }
}

extension Clip: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    if request.element(0) == .f32 {
      let low = request.constant(1)?.elements(as: Float.self)?.first
      let high = request.constant(2)?.elements(as: Float.self)?.first
      guard low != nil || !request.isPresent(1), high != nil || !request.isPresent(2) else {
        return nil
      }
      return elementKernel(request) { x, y in
        FloatLoops.clip(x, low: low ?? -.infinity, high: high ?? .infinity, y)
      }
    }
    guard [.u8, .i8].contains(request.element(0)), let range = codeRange(request) else {
      return nil
    }
    return elementKernel(request) { x, y in QuantizationKernels.clip(x, range: range, y: y) }
  }
}
