internal import CQATKernels
import QATCore

/// Weights of an integer kernel, and the constants that go with them. Constant weights are packed once;
/// those that change from run to run stand packed in front of the scratch memory, so that no two layers
/// keep theirs.
@safe final class PackedCodes {
  let isSigned: Bool
  let channels: Int
  private let constant: PackedWeights?
  /// Bytes in front of the scratch memory, a multiple of 64; 0 where the weights are constant.
  let frontByteCount: Int
  /// Zero points, bias and multipliers, each with one element a channel (or one multiplier) or none.
  private let zeros: Constants<Int32>, bias: Constants<Int32>, multipliers: Constants<Float>
  // SAFETY: a row of a static table.
  private let kernel: OpaquePointer

  /// - Parameters:
  ///   - constant: the packed form of constant weights.
  ///   - byteCount: of that of others, which `repack` gives.
  init(
    _ constant: PackedWeights?, byteCount: Int, isSigned: Bool, channels: Int, zeros: [Int32]?,
    bias: [Int32]?, multipliers: [Float]
  ) {
    precondition((zeros?.count ?? channels) == channels && (bias?.count ?? channels) == channels)
    precondition([0, 1, channels].contains(multipliers.count))
    (self.isSigned, self.channels) = (isSigned, channels)
    self.zeros = Constants(zeros ?? [])
    self.bias = Constants(bias ?? [])
    self.multipliers = Constants(multipliers)
    self.constant = constant
    var front = ScratchLayout()
    if constant == nil { front.add(byteCount: byteCount) }
    frontByteCount = front.byteCount
    // SAFETY: the table has a scalar row, so there is a best one.
    unsafe kernel = qat_igemm_best()!
  }

  /// Packs weights that change, for the runs that follow with the same scratch memory.
  /// - Parameters:
  ///   - multipliers: the new ones, as many as before; `nil` where they stay.
  ///   - pack: fills the first bytes of the scratch memory; the others are free to use.
  func repack(
    multipliers new: [Float]?, in scratch: MutableTensorView,
    _ pack: (_ packed: UnsafeMutableRawPointer, _ free: UnsafeMutableRawPointer) -> Void
  ) {
    precondition(constant == nil, "the weights are constant")
    precondition(scratch.byteCount >= frontByteCount)
    if let new { multipliers.replace(new) }
    unsafe pack(scratch.base, scratch.base + frontByteCount)
  }

  /// - Precondition: x, y and scratch have the sizes that the shape asks for.
  func run(
    _ shape: ConvolutionShape, x: TensorView, xZero: Int32, _ form: CodeForm,
    channelsLast: Bool, y: MutableTensorView, _ pool: ThreadPool, _ scratch: MutableTensorView
  ) {
    var c = shape.c
    var arguments = unsafe arguments(form, xIsSigned: x.element == .i8, channelsLast: channelsLast)
    // SAFETY: sizes were checked by the caller, the constants live as long as `self`.
    let free = unsafe scratch.base + frontByteCount
    unsafe arguments.w = UnsafeRawPointer(constant?.memory.base ?? scratch.base)
    unsafe arguments.x = x.base
    unsafe arguments.x_zero = xZero
    unsafe arguments.y = y.base
    guard case .codes(_, _, let addition?) = form else {
      return unsafe qat_conv_s8(kernel, &c, &arguments, pool.pool, free)
    }
    precondition(channelsLast && addition.codes.count == y.count)
    var sum = unsafe addition.c
    unsafe withUnsafePointer(to: &sum) { sum in
      unsafe arguments.add = sum
      unsafe qat_conv_s8(kernel, &c, &arguments, pool.pool, free)
    }
  }

  /// Of weights that change with these themselves.
  func scratchByteCount(
    _ shape: ConvolutionShape, _ result: qat_conv_result, channelsLast: Bool, _ pool: ThreadPool
  ) -> Int {
    var c = shape.c
    var arguments = unsafe qat_conv_s8_arguments()
    unsafe arguments.x_channels_last = channelsLast
    unsafe arguments.y_channels_last = channelsLast
    unsafe arguments.result = result
    return unsafe frontByteCount + qat_conv_s8_scratch(&c, &arguments, Int32(pool.threads))
  }

  private func arguments(
    _ form: CodeForm, xIsSigned: Bool, channelsLast: Bool
  ) -> qat_conv_s8_arguments {
    var arguments = unsafe qat_conv_s8_arguments()
    unsafe arguments.x_signed = xIsSigned
    unsafe arguments.x_channels_last = channelsLast
    unsafe arguments.y_channels_last = channelsLast
    unsafe arguments.w_signed = isSigned
    unsafe arguments.w_zero = zeros.start
    unsafe arguments.bias = bias.start
    unsafe arguments.m = multipliers.start
    unsafe arguments.m_scalar = multipliers.count == 1
    unsafe arguments.result = form.c
    if case .reals(let bias) = form {
      precondition(multipliers.count > 0 && (bias?.count ?? channels) == channels)
      unsafe arguments.offset = bias?.pointer(Float.self)
    }
    guard case .codes(let zero, let range, _) = form else { return unsafe arguments }
    precondition(multipliers.count > 0)
    unsafe arguments.zero = zero
    unsafe arguments.lo = range.lowerBound
    unsafe arguments.hi = range.upperBound
    return unsafe arguments
  }
}

/// What becomes of the sums of an integer kernel.
enum CodeForm {
  case sums
  case reals(bias: TensorView?)
  case codes(zero: Int32, range: ClosedRange<Int32>, adding: AddedCodes?)

  var c: qat_conv_result {
    switch self {
    case .sums: QAT_CONV_SUMS
    case .reals: QAT_CONV_REALS
    case .codes: QAT_CONV_CODES
    }
  }
}

/// A list of numbers that does not move.
@safe private struct Constants<Element: TensorScalar> {
  private let arena: Arena
  let count: Int

  init(_ list: [Element]) {
    count = list.count
    arena = Arena(byteCount: Element.elementType.byteCount(list.count))
    replace(list)
  }

  func replace(_ list: [Element]) {
    precondition(list.count == count)
    arena.view(at: 0, Element.elementType, shape: [count]).write(AnyTensor(shape: [count], list))
  }

  /// `nil` where there are none.
  var start: UnsafePointer<Element>? {
    // SAFETY: the arena holds `count` elements.
    count == 0 ? nil : unsafe UnsafePointer(arena.base.assumingMemoryBound(to: Element.self))
  }
}
