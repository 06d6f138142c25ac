import QATCore

/// How `Resize` finds the value between elements.
public enum ResizeMode: String, AttributeConvertible {
  /// The nearest element.
  case nearest
  /// Between two neighbours along each axis.
  case linear
  /// Between four neighbours along each axis, by Keys' cubic.
  case cubic
}

/// Where an element of a resized tensor lies in the original one.
public enum ResizeCoordinates: String, AttributeConvertible {
  /// `(x + 0.5) / scale - 0.5`.
  case halfPixel = "half_pixel"
  /// The same, around the centre where a size was rounded.
  case halfPixelSymmetric = "half_pixel_symmetric"
  /// The same, 0 where one element is left.
  case pytorchHalfPixel = "pytorch_half_pixel"
  /// First on first, last on last.
  case alignCorners = "align_corners"
  /// `x / scale`.
  case asymmetric
  /// In the region of interest; outside of the tensor the extrapolation value.
  case cropAndResize = "tf_crop_and_resize"
}

/// Which element is the nearest one.
public enum NearestRounding: String, AttributeConvertible {
  /// The lower one of two at the same distance.
  case preferFloor = "round_prefer_floor"
  /// The upper one of two at the same distance.
  case preferCeil = "round_prefer_ceil"
  /// The one below.
  case floor
  /// The one above.
  case ceil
}

/// Whether `sizes` may change the ratio of the axes.
public enum AspectRatioPolicy: String, AttributeConvertible {
  /// They may.
  case stretch
  /// One scale for all axes, so that none gets larger than asked for.
  case notLarger = "not_larger"
  /// One scale for all axes, so that none gets smaller than asked for.
  case notSmaller = "not_smaller"
}

/// A tensor with more or fewer elements along its axes, interpolated.
///
/// - Operands: `x` of any type (numbers, where values are interpolated); `roi`, starts and then
///   ends of a region, as fractions of the axes, for `tf_crop_and_resize`; one of `scales` f32[k]
///   and `sizes` i64[k], an empty one being absent.
/// - Result: along each axis `sizes`, or `floor(size * scale)`.
/// - Attributes: `mode`; `coordinate_transformation_mode`; `nearest_mode`, of mode nearest;
///   `cubic_coeff_a`; `exclude_outside`: neighbours outside count nothing (else the border
///   repeats); `antialias`: when shrinking, as many neighbours as fall on an element;
///   `extrapolation_value`; `axes` that the operands speak of (absent: all);
///   `keep_aspect_ratio_policy`, of `sizes`.
/// - Source: Keys, "Cubic convolution interpolation for digital image processing", equation 4.
public struct Resize: Operation {
  public static let name: OpName = "Resize"
  public static let operands: [OperandSpec] = [
    OperandSpec("x", .all), OperandSpec("roi", .floats, as: nil, .optional),
    OperandSpec("scales", [.f32], as: nil, .optional), .i64("sizes", .optional),
  ]
  public static let attributes: [Attribute<Self>] = [
    .init("antialias", \.antialias), .init("axes", \.axes),
    .init("coordinate_transformation_mode", \.coordinates),
    .init("cubic_coeff_a", \.cubicCoefficient), .init("exclude_outside", \.excludeOutside),
    .init("extrapolation_value", \.extrapolationValue),
    .init("keep_aspect_ratio_policy", \.policy), .init("mode", \.mode),
    .init("nearest_mode", \.rounding),
  ]

  /// How values between elements are found.
  public var mode = ResizeMode.nearest
  /// Where elements of the result lie.
  public var coordinates = ResizeCoordinates.halfPixel
  /// Which neighbour is the nearest.
  public var rounding = NearestRounding.preferFloor
  /// The coefficient of the cubic.
  public var cubicCoefficient: Float = -0.75
  /// Whether neighbours outside the tensor count nothing.
  public var excludeOutside = false
  /// What stands outside of the tensor, of `tf_crop_and_resize`.
  public var extrapolationValue: Float = 0
  /// Whether the filter widens when a tensor shrinks.
  public var antialias = false
  /// The axes that the operands speak of; all where absent.
  public var axes: [Int]? = nil
  /// What becomes of the ratio of `sizes`.
  public var policy = AspectRatioPolicy.stretch

  public init() {}
  /// The operation with the attributes that matter most.
  public init(
    _ mode: ResizeMode, _ coordinates: ResizeCoordinates = .halfPixel,
    rounding: NearestRounding = .preferFloor
  ) {
    self.mode = mode
    self.coordinates = coordinates
    self.rounding = rounding
  }

  public func resultTypes(_ operands: Operands) throws(Diagnostic) -> [TensorType] {
    let x = operands[0].knownShape, element = operands[0].element
    guard mode == .nearest || Set.numeric.contains(element) else {
      throw Diagnostic(.typeMismatch, "\(element.name) can't be interpolated in mode '\(mode)'")
    }
    guard mode != .nearest || !antialias else {
      throw Diagnostic(.invalidAttribute, "antialias needs mode 'linear' or 'cubic'")
    }
    let axes = try resizedAxes(rank: x.rank)
    let isScaled = try isGiven(2, of: operands, axes: axes)
    let isSized = try isGiven(3, of: operands, axes: axes)
    guard isScaled != isSized else {
      throw Diagnostic(.invalidOperand, "Resize needs either scales or sizes")
    }
    var shape = x
    if isSized {
      let sizes = operands.dimensions(3) ?? axes.map { _ in .unknown }
      for (axis, size) in zip(axes, sizes) { shape[axis] = size }
      if policy != .stretch {
        for axis in axes { shape[axis] = .unknown }
      }
    } else {
      let scales = operands.constant(2)?.elements(as: Float.self)
      for (entry, axis) in axes.enumerated() {
        shape[axis] = scaled(x[axis], by: scales?[entry])
      }
    }
    guard let input = x.sizes, isSized ? operands.integers(3) != nil : operands.constant(2) != nil
    else { return [TensorType(element, shape)] }
    let resized = try resolved(
      input: input, scales: isScaled ? operands.constant(2)?.elements() : nil,
      sizes: isSized ? operands.integers(3) : nil)
    return [TensorType(element, Shape(resized.map { Dimension($0.output) }))]
  }

  public func resultElements(_ operands: Operands) -> [ElementType] { [operands[0].element] }

  /// The axes that the operands speak of, counted from the front.
  public func resizedAxes(rank: Int) throws(Diagnostic) -> [Int] {
    guard let axes else { return Array(0..<rank) }
    var result: [Int] = []
    for axis in axes {
      let axis = try checkedAxis(axis, rank: rank, named: "axes")
      guard !result.contains(axis) else {
        throw Diagnostic(.invalidAttribute, "axes names axis \(axis) twice")
      }
      result.append(axis)
    }
    return result
  }

  /// Whether an operand is there and not empty; then it has an entry for each axis.
  private func isGiven(
    _ index: Int, of operands: Operands, axes: [Int]
  ) throws(Diagnostic) -> Bool {
    guard let shape = operands.optional(index)?.shape, shape.elementCount.size != 0 else {
      return false
    }
    guard shape.rank == 1, shape[0].size ?? axes.count == axes.count else {
      throw Diagnostic(
        .shapeMismatch,
        "\(Self.operands[index].name) has shape \(shape), expected [\(axes.count)]")
    }
    return true
  }

  private func scaled(_ size: Dimension, by scale: Float?) -> Dimension {
    guard let scale, scale > 0, scale < 0x1p30 else { return .unknown }
    return scale == scale.rounded() ? size * Dimension(Int(scale)) : .unknown
  }
}

/// One axis of a tensor that is resized.
public struct ResizedAxis: Sendable, Equatable {
  /// The size that it has.
  public let input: Int
  /// The size that it gets.
  public let output: Int
  /// Of the sizes, before the result was rounded to a whole number.
  public let scale: Float
}

extension Resize {
  /// All axes of a tensor of these sizes.
  /// - Parameters: one of `scales` and `sizes`, in the order of `axes`.
  public func resolved(
    input: [Int], scales: [Float]?, sizes: [Int]?
  ) throws(Diagnostic) -> [ResizedAxis] {
    let axes = try resizedAxes(rank: input.count)
    var result = input.map { ResizedAxis(input: $0, output: $0, scale: 1) }
    var factors = scales ?? []
    if let sizes {
      factors = zip(axes, sizes).map { Float($1) / Float(max(input[$0], 1)) }
      let common =
        policy == .notLarger ? factors.min() : policy == .notSmaller ? factors.max() : nil
      if let common { factors = factors.map { _ in common } }
    }
    for (entry, axis) in axes.enumerated() {
      let factor = factors[entry], exact = Float(input[axis]) * factor
      guard factor.isFinite, factor > 0 || (sizes != nil && factor == 0), exact < 0x1p40 else {
        throw Diagnostic(.invalidOperand, "axis \(axis) can't be resized by \(factor)")
      }
      let output =
        switch (sizes, policy) {
        case (let sizes?, .stretch): sizes[entry]
        case (.some, _): Int(exact.rounded())
        case (nil, _): Int(exact)
        }
      guard input[axis] > 0 || output == 0 else {
        throw Diagnostic(.shapeMismatch, "axis \(axis) is empty, so it can't get size \(output)")
      }
      result[axis] = ResizedAxis(input: input[axis], output: output, scale: factor)
    }
    return result
  }
}

extension Resize: Differentiable {
  public func gradients(
    of call: GradientCall, in builder: inout GraphBuilder
  ) throws(Diagnostic) -> [ValueID?] {
    if call.needs(1) || call.needs(2) {
      throw Diagnostic(
        .unsupported, "Resize has no gradient for its roi and scales", hint: "make them constants")
    }
    let dx = builder.emit(ResizeGradient(self), [call.seed] + call.operands)
    return [dx] + call.operands.dropFirst().map { _ in nil }
  }
}
