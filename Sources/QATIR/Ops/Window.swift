import QATCore

/// How an operation chooses the padding of its spatial axes.
public enum AutoPad: String, AttributeConvertible {
  /// The attribute `pads` says it.
  case explicit = "NOTSET"
  /// As much as makes the output `ceil(input / stride)`; an odd one goes to the end.
  case sameUpper = "SAME_UPPER"
  /// The same with an odd one at the beginning.
  case sameLower = "SAME_LOWER"
  /// None.
  case valid = "VALID"
}

/// A window along one spatial axis of known size: the relation between a position of the output, a
/// position in the kernel and a position of the input.
///
///     input position = output position * stride - padBegin + kernel position * dilation
public struct WindowAxis: Sendable, Equatable {
  /// The size of the input.
  public var input: Int
  /// The size of the kernel.
  public var kernel: Int
  /// From one window to the next.
  public var stride: Int
  /// From one tap of the kernel to the next.
  public var dilation: Int
  /// Positions before the first and behind the last one of the input; negative ones crop.
  public var padBegin: Int
  /// Padding behind the input.
  public var padEnd: Int
  /// The size of the result.
  public var output: Int

  /// How many input positions the dilated kernel spans.
  public var extent: Int { (kernel - 1) * dilation + 1 }

  /// The input position, which lies in the padding where it is negative or not below `input`.
  public func position(output: Int, kernel: Int) -> Int {
    output * stride - padBegin + kernel * dilation
  }
}

/// The attributes that convolutions and poolings share. Lists have one entry for each spatial axis,
/// `pads` all beginnings and then all ends; an empty list stands for the default.
public struct WindowAttributes: Sendable, Equatable {
  /// How padding is found where `pads` does not give it.
  public var autoPad = AutoPad.explicit
  /// Required for poolings; convolutions take it from their weights.
  public var kernelShape: [Int] = []
  /// In front of each axis, then behind each; empty for none.
  public var pads: [Int] = []
  /// Along each axis; empty for 1.
  public var strides: [Int] = []
  /// Along each axis; empty for 1.
  public var dilations: [Int] = []

  public init(
    kernelShape: [Int] = [], pads: [Int] = [], strides: [Int] = [], dilations: [Int] = [],
    autoPad: AutoPad = .explicit
  ) {
    self.kernelShape = kernelShape
    self.pads = pads
    self.strides = strides
    self.dilations = dilations
    self.autoPad = autoPad
  }

  /// The stride along an axis.
  public func stride(_ axis: Int) -> Int { strides.isEmpty ? 1 : strides[axis] }
  /// The dilation along an axis.
  public func dilation(_ axis: Int) -> Int { dilations.isEmpty ? 1 : dilations[axis] }

  /// The axes of a convolution or a pooling over an input of known sizes (spatial ones only).
  ///
  /// - Parameter ceilMode: also a last window that reaches beyond the padded input counts, as long
  ///   as it starts inside the input or the padding before it.
  /// - Precondition: inference accepted the attributes for these sizes.
  public func resolved(input: [Int], kernel: [Int], ceilMode: Bool = false) -> [WindowAxis] {
    input.indices.map { axis in
      var result = unpadded(axis, input: input[axis], kernel: kernel[axis])
      let stride = result.stride
      switch autoPad {
      case .sameUpper, .sameLower:
        result.output = (result.input + stride - 1) / stride
        let total = max(0, (result.output - 1) * stride + result.extent - result.input)
        distribute(total, extraAtEnd: autoPad == .sameUpper, in: &result)
        return result
      case .explicit, .valid:
        if autoPad == .explicit { setPads(of: &result, axis, rank: input.count) }
        let room = result.input + result.padBegin + result.padEnd - result.extent
        result.output = floorQuotient(room, stride) + 1
        if ceilMode {
          result.output = floorQuotient(room + stride - 1, stride) + 1
          if (result.output - 1) * stride >= result.input + result.padBegin { result.output -= 1 }
        }
        return result
      }
    }
  }

  /// The axes of a transposed convolution over an input of known sizes, as those of the convolution
  /// that it transposes: `output` is the size of the given tensor, `input` the size of the result.
  ///
  /// - Precondition: inference accepted the attributes for these sizes.
  public func transposed(
    input: [Int], kernel: [Int], outputPadding: [Int], outputShape: [Int]
  ) -> [WindowAxis] {
    input.indices.map { axis in
      var result = unpadded(axis, input: 0, kernel: kernel[axis])
      result.output = input[axis]
      let full =
        result.stride * (input[axis] - 1) + result.extent
        + (outputPadding.isEmpty ? 0 : outputPadding[axis])
      // `output_shape` may hold the batch and the channels in front.
      let given = outputShape.suffix(input.count)
      if !given.isEmpty || autoPad == .sameUpper || autoPad == .sameLower {
        result.input = given.isEmpty ? input[axis] * result.stride : given[given.startIndex + axis]
        distribute(max(0, full - result.input), extraAtEnd: autoPad == .sameUpper, in: &result)
        return result
      }
      if autoPad == .explicit { setPads(of: &result, axis, rank: input.count) }
      result.input = full - result.padBegin - result.padEnd
      return result
    }
  }

  private func unpadded(_ axis: Int, input: Int, kernel: Int) -> WindowAxis {
    WindowAxis(
      input: input, kernel: kernel, stride: stride(axis), dilation: dilation(axis),
      padBegin: 0, padEnd: 0, output: 0)
  }

  private func setPads(of window: inout WindowAxis, _ axis: Int, rank: Int) {
    if pads.isEmpty { return }
    window.padBegin = pads[axis]
    window.padEnd = pads[rank + axis]
  }

  private func distribute(_ total: Int, extraAtEnd: Bool, in window: inout WindowAxis) {
    window.padBegin = extraAtEnd ? total / 2 : total - total / 2
    window.padEnd = total - window.padBegin
  }
}

/// The quotient rounded towards minus infinity, of a positive divisor.
public func floorQuotient(_ a: Int, _ b: Int) -> Int { a >= 0 ? a / b : -((b - 1 - a) / b) }

// Inference: the same arithmetic where sizes are symbols.
extension WindowAttributes {
  /// The spatial dimensions of the result of a convolution or a pooling.
  ///
  /// An unknown size stays itself (divided by the stride) where the padding makes it so.
  /// - Throws: where a list has the wrong length or a number is out of range, where the kernel is
  ///   larger than the padded input.
  func outputDimensions(
    _ input: [Dimension], kernel: [Dimension], ceilMode: Bool = false
  ) throws(Diagnostic) -> [Dimension] {
    try check(input, kernel)
    var result: [Dimension] = []
    for axis in input.indices {
      guard let kernel = kernel[axis].size else {
        result.append(.unknown)
        continue
      }
      guard let size = input[axis].size else {
        result.append(
          symbolicOutput(axis, input[axis], kernel: kernel, rank: input.count, ceilMode))
        continue
      }
      let window = only(axis, rank: input.count).resolved(
        input: [size], kernel: [kernel], ceilMode: ceilMode)[0]
      guard window.output > 0 || size == 0 && window.output >= 0 else {
        throw Diagnostic(
          .shapeMismatch,
          "a kernel that spans \(window.extent) does not fit spatial axis \(axis) of size \(size) "
            + "with pads \(window.padBegin) and \(window.padEnd)",
          hint: "use a smaller kernel, or more padding")
      }
      result.append(Dimension(window.output))
    }
    return result
  }

  /// The spatial dimensions of the result of a transposed convolution.
  func transposedDimensions(
    _ input: [Dimension], kernel: [Dimension], outputPadding: [Int], outputShape: [Int]
  ) throws(Diagnostic) -> [Dimension] {
    try check(input, kernel)
    try checkLength(outputPadding, input.count, "output_padding", range: 0...limit)
    if outputShape.count != input.count + 2 {
      try checkLength(outputShape, input.count, "output_shape", range: 1...limit)
    }
    let given = Array(outputShape.suffix(input.count))
    var result: [Dimension] = []
    for axis in input.indices {
      let padding = outputPadding.isEmpty ? 0 : outputPadding[axis]
      if !given.isEmpty {
        guard (1...limit).contains(given[axis]) else {
          throw Diagnostic(.invalidAttribute, "output_shape \(given[axis]) is out of range")
        }
        result.append(Dimension(given[axis]))
      } else if autoPad == .sameUpper || autoPad == .sameLower {
        result.append(input[axis] * Dimension(stride(axis)))
      } else if let kernel = kernel[axis].size {
        let stride = stride(axis)
        let extent = (kernel - 1) * dilation(axis) + 1
        let pads = autoPad == .valid || self.pads.isEmpty ? 0 : padSum(axis, rank: input.count)
        let rest = extent + padding - pads - stride
        if let size = input[axis].size {
          guard stride * size + rest > 0 || size == 0 else {
            throw Diagnostic(
              .shapeMismatch, "pads leave nothing of spatial axis \(axis) of size \(size)",
              hint: "use less padding")
          }
          result.append(Dimension(max(0, stride * size + rest)))
        } else {
          result.append(rest == 0 ? input[axis] * Dimension(stride) : .unknown)
        }
      } else {
        result.append(.unknown)
      }
    }
    return result
  }

  /// The kernel's sizes: the attribute, which must agree with the weights where they are known.
  func kernel(ofWeights weights: [Dimension]) throws(Diagnostic) -> [Dimension] {
    if kernelShape.isEmpty { return weights }
    for (axis, size) in kernelShape.enumerated() {
      guard kernelShape.count == weights.count, weights[axis].size ?? size == size else {
        throw Diagnostic(
          .shapeMismatch,
          "kernel_shape \(kernelShape) does not agree with the weights' \(Shape(weights))",
          hint: "leave kernel_shape out")
      }
    }
    return kernelShape.map { Dimension($0) }
  }

  /// What sizes and attributes may be at most, so that their products fit an `Int`.
  private var limit: Int { 1 << 30 }

  private func check(_ input: [Dimension], _ kernel: [Dimension]) throws(Diagnostic) {
    let rank = input.count
    guard kernel.count == rank else {
      throw Diagnostic(
        .shapeMismatch, "a kernel of \(kernel.count) axes for \(rank) spatial axes",
        hint: "set kernel_shape to one size for each spatial axis")
    }
    try checkLength(strides, rank, "strides", range: 1...limit)
    try checkLength(dilations, rank, "dilations", range: 1...limit)
    try checkLength(pads, 2 * rank, "pads", range: -limit...limit)
    for size in kernel.compactMap(\.size) where !(1...limit).contains(size) {
      throw Diagnostic(.invalidAttribute, "kernel size \(size) is out of range")
    }
    for size in input.compactMap(\.size) where size > limit {
      throw Diagnostic(.unsupported, "spatial size \(size) is too large")
    }
  }

  private func checkLength(
    _ list: [Int], _ count: Int, _ name: String, range: ClosedRange<Int>
  ) throws(Diagnostic) {
    guard list.isEmpty || list.count == count else {
      throw Diagnostic(.invalidAttribute, "\(name) has \(list.count) entries, expected \(count)")
    }
    if let wrong = list.first(where: { !range.contains($0) }) {
      throw Diagnostic(.invalidAttribute, "\(name) \(wrong) is out of range")
    }
  }

  private func padSum(_ axis: Int, rank: Int) -> Int { pads[axis] + pads[rank + axis] }

  /// The attributes of one axis alone.
  private func only(_ axis: Int, rank: Int) -> WindowAttributes {
    WindowAttributes(
      pads: pads.isEmpty ? [] : [pads[axis], pads[rank + axis]], strides: [stride(axis)],
      dilations: [dilation(axis)], autoPad: autoPad)
  }

  /// `floor((s·q + pads - extent) / s) + 1` is `q` where `-s <= pads - extent < 0`.
  private func symbolicOutput(
    _ axis: Int, _ input: Dimension, kernel: Int, rank: Int, _ ceilMode: Bool
  ) -> Dimension {
    let stride = stride(axis)
    guard let quotient = input.divided(by: Dimension(stride)) else { return .unknown }
    if autoPad == .sameUpper || autoPad == .sameLower { return quotient }
    let pads = autoPad == .valid || self.pads.isEmpty ? 0 : padSum(axis, rank: rank)
    let room = pads - ((kernel - 1) * dilation(axis) + 1)
    return (ceilMode ? room == -stride : (-stride..<0).contains(room)) ? quotient : .unknown
  }
}
