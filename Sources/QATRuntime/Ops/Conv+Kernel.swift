import QATCore
import QATIR
import QATKernels

extension Conv: Executable {
  /// Two-dimensional float convolutions.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32,
      let shape = convolutionShape(
        window, group: group, x: request.shape(0), w: request.shape(1), y: request.resultShape())
    else { return nil }
    let pool = request.pool
    return Kernel(scratchByteCount: FloatConvolution.scratchByteCount(shape, pool)) { call in
      guard let scratch = call.scratch else { return }
      FloatConvolution.forward(
        shape, x: call[0], w: call[1], bias: call.optional(2), y: call.result(), pool,
        scratch: scratch)
    }
  }
}

extension ConvInputGradient: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32,
      let shape = convolutionShape(
        window, group: group, x: request.shape(2), w: request.shape(1), y: request.shape(0))
    else { return nil }
    let pool = request.pool
    return Kernel(scratchByteCount: FloatConvolution.scratchByteCount(shape, pool)) { call in
      guard let scratch = call.scratch else { return }
      FloatConvolution.inputGradient(
        shape, dy: call[0], w: call[1], dx: call.result(), pool, scratch: scratch)
    }
  }
}

extension ConvWeightGradient: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32,
      let shape = convolutionShape(
        window, group: group, x: request.shape(1), w: request.shape(2), y: request.shape(0))
    else { return nil }
    let pool = request.pool
    return Kernel(scratchByteCount: FloatConvolution.scratchByteCount(shape, pool)) { call in
      guard let scratch = call.scratch else { return }
      FloatConvolution.weightGradient(
        shape, dy: call[0], x: call[1], dw: call.result(), pool, scratch: scratch)
    }
  }
}

extension QLinearConv: Executable {
  /// Two-dimensional convolutions with weights and parameters that are constants.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    integerConvolution(request, window, group: group, channelsLast: false)
  }
}

/// The kernel of QLinearConv, whose images have their channels in front or last, and of what adds
/// other codes (operands 9 to 13, those of `QLinearConvAdd`) to its result.
func integerConvolution(
  _ request: KernelRequest, _ window: WindowAttributes, group: Int, channelsLast: Bool,
  adding sum: QLinearConvAdd? = nil
) -> Kernel? {
  let x = request.shape(0), y = request.resultShape()
  guard let w = request.constant(3),
    let shape = convolutionShape(
      window, group: group, x: channelsLast ? channelsFirst(x) : x, w: w.shape,
      y: channelsLast ? channelsFirst(y) : y),
    let rule = ProductRule(
      request, scales: (1, 4, 6), zeros: (2, 5, 7), channels: shape.outChannels),
    !request.isPresent(8) || request.constant(8) != nil
  else { return nil }
  let convolution = IntegerConvolution(
    shape, w: w, weightZeros: rule.weightZeros,
    bias: request.constant(8)?.elements(as: Int32.self), multipliers: rule.multipliers,
    channelsLast: channelsLast)
  let pool = request.pool
  guard let sum else {
    return Kernel(scratchByteCount: convolution.scratchByteCount(pool)) { call in
      guard let scratch = call.scratch else { return }
      convolution.codes(
        x: call[0], xZero: rule.inputZero, zero: rule.resultZero, range: rule.range,
        y: call.result(), pool, scratch: scratch)
    }
  }
  guard channelsLast, let own = request.parameters(scale: 6, zero: 7, codes: 7),
    let other = request.parameters(scale: 10, zero: 11, codes: 9),
    let result = request.parameters(scale: 12, zero: 13, codes: 13)
  else { return nil }
  return Kernel(scratchByteCount: convolution.scratchByteCount(pool)) { call in
    guard let scratch = call.scratch else { return }
    convolution.codes(
      x: call[0], xZero: rule.inputZero, zero: rule.resultZero, range: rule.range,
      adding: AddedCodes(call[9], other, to: own, sum: result, isFirst: sum.sumFirst),
      y: call.result(), pool, scratch: scratch)
  }
}

/// The rule of QLinearConv, QLinearMatMul and QGemm with constant parameters:
/// m = (s_x·s_w)/s_y in float32, `rint(f32(acc)·m) + zero`.
struct ProductRule: Sendable {
  let multipliers: [Float]
  let inputZero: Int32
  /// One a channel; `nil` where all are 0.
  let weightZeros: [Int32]?
  let resultZero: Int32
  let range: ClosedRange<Int32>

  /// - Parameter alpha: QGemm's, which multiplies first.
  init?(
    _ request: KernelRequest, scales: (x: Int, w: Int, y: Int), zeros: (x: Int, w: Int, y: Int),
    channels: Int, alpha: Float? = nil
  ) {
    guard let x = request.constant(scales.x)?.elements(as: Float.self), x.count == 1,
      let w = request.constant(scales.w)?.elements(as: Float.self),
      [1, channels].contains(w.count),
      let y = request.constant(scales.y)?.elements(as: Float.self), y.count == 1,
      let xZero = request.constant(zeros.x)?.integers, xZero.count == 1,
      let wZero = request.constant(zeros.w)?.integers, [1, channels].contains(wZero.count),
      let yZero = request.constant(zeros.y)?.integers, yZero.count == 1,
      let codes = request.results[0]?.element
    else { return nil }
    multipliers = w.map { ((alpha.map { $0 * x[0] } ?? x[0]) * $0) / y[0] }
    inputZero = Int32(xZero[0])
    weightZeros =
      wZero.allSatisfy { $0 == 0 }
      ? nil : (0..<channels).map { Int32(wZero[wZero.count == 1 ? 0 : $0]) }
    resultZero = Int32(yZero[0])
    range = codeRange(codes)
  }
}

/// The codes of an 8- or 16-bit type.
func codeRange(_ element: ElementType) -> ClosedRange<Int32> {
  switch element {
  case .u8: 0...255
  case .i8: -128...127
  case .u16: 0...65535
  default: -32768...32767
  }
}

/// The kernel's form of a convolution over one or two axes; one is the second of two, the first having
/// size 1.
func convolutionShape(
  _ window: WindowAttributes, group: Int, x: [Int], w: [Int], y: [Int]
) -> ConvolutionShape? {
  guard [3, 4].contains(x.count), w.count == x.count, y.count == x.count, !x.contains(0),
    !y.contains(0)
  else { return nil }
  let axes = window.resolved(input: Array(x[2...]), kernel: Array(w[2...]))
  guard axes.map(\.output) == Array(y[2...]),
    axes.allSatisfy({ $0.padBegin >= 0 && $0.padEnd >= 0 })
  else {
    return nil
  }
  /// Two numbers, one for each axis, or four sizes.
  func plane(_ numbers: [Int], _ filler: Int, at index: Int) -> [Int] {
    x.count == 4 ? numbers : numbers[..<index] + [filler] + numbers[index...]
  }
  return ConvolutionShape(
    x: plane(x, 1, at: 2), w: plane(w, 1, at: 2), y: plane(y, 1, at: 2), groups: group,
    strides: plane(axes.map(\.stride), 1, at: 0),
    dilations: plane(axes.map(\.dilation), 1, at: 0),
    pads: plane(axes.map(\.padBegin), 0, at: 0))
}
