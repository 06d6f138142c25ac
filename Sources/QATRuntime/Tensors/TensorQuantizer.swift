public import QATCore

/// Finds the scales of a tensor from its range, and puts tensors on the grid: `SymmetricQuantizer`
/// or `AsymmetricQuantizer`.
///
///     var quantizer = SymmetricQuantizer(grid: .int8, axis: 0)
///     try quantizer.calibrate(weights, named: "conv1.weight")
///     let codes = try quantizer.quantize(weights)
///
/// The formulas are those of `RangeToParameters`; a graph's calibration uses the same.
public protocol TensorQuantizer: Sendable {
  /// Where the code of 0 lies.
  static var scheme: QuantizationScheme { get }
  /// The codes to use.
  var grid: IntegerGrid { get }
  /// The axis of the channels or blocks with a scale each, from the front; `nil` per tensor.
  var axis: Int? { get }
  /// How many neighbours along the axis share a scale; 0 for one scale a channel.
  var blockSize: Int { get }
  /// Whether scales are rounded up to powers of two.
  var powerOfTwo: Bool { get }
  /// What the last calibration found; `nil` before the first.
  var parameters: QuantizationParameters? { get set }
}

extension TensorQuantizer {
  /// Takes a range for the whole tensor.
  /// - Throws: `invalid-data` for a range that is not finite or upside down; `invalid-option` where
  ///   the quantizer has channels.
  @discardableResult
  public mutating func calibrate(
    min: Float, max: Float, named name: String? = nil
  ) throws(Diagnostic) -> QuantizationParameters {
    guard axis == nil else {
      throw Diagnostic(
        .invalidOption, "one range for a quantizer with a scale per channel",
        hint: "give one range a channel, or data")
    }
    return try calibrate(ranges: [(min, max)], named: name)
  }

  /// Takes a range for each channel or block, in the order of the scales.
  ///
  /// The range of a channel that holds only 0 stands for the largest magnitude among all.
  /// - Throws: `invalid-data` for a range that is not finite or upside down.
  @discardableResult
  public mutating func calibrate(
    ranges: [(min: Float, max: Float)], named name: String? = nil
  ) throws(Diagnostic) -> QuantizationParameters {
    let rule = RangeToParameters(grid: grid, scheme: Self.scheme, powerOfTwo: powerOfTwo)
    let (axis, blockSize) = (axis, blockSize)
    let found = try naming(name) { () throws(Diagnostic) in
      for (index, range) in ranges.enumerated()
      where !(range.min.isFinite && range.max.isFinite && range.min <= range.max) {
        throw Diagnostic(
          .invalidData,
          "the range\(axis == nil ? "" : " \(index)") is \(range.min)...\(range.max)",
          hint: "a range is finite, its ends in order")
      }
      let largest = ranges.reduce(0) { Swift.max($0, abs($1.min), abs($1.max)) }
      let grids = ranges.map { rule(min: $0.min, max: $0.max, tensorMaximum: largest) }
      return try QuantizationParameters(
        scales: grids.map(\.scale), zeroPoints: grids.map(\.zeroPoint), grid: grid, axis: axis,
        blockSize: blockSize)
    }
    parameters = found
    return found
  }

  /// Takes the smallest and largest value of the data, for each channel or block where there are some.
  /// - Throws: `invalid-data` for NaN, infinity or no data at all, `shape-mismatch` for an axis that
  ///   the data does not have.
  @discardableResult
  public mutating func calibrate(
    _ data: Tensor<Float>, named name: String? = nil
  ) throws(Diagnostic) -> QuantizationParameters {
    let (axis, blockSize) = (axis, blockSize)
    let ranges = try naming(name) { () throws(Diagnostic) in
      try data.ranges(axis: axis, blockSize: blockSize)
    }
    return try calibrate(ranges: ranges, named: name)
  }

  /// The codes of a tensor.
  /// - Throws: `invalid-option` before a calibration; `invalid-data` for NaN or infinity,
  ///   `shape-mismatch` for another number of channels.
  public func quantize(
    _ x: Tensor<Float>, named name: String? = nil
  ) throws(Diagnostic) -> QuantizedTensor {
    try QuantizedTensor(quantizing: x, calibrated(), named: name)
  }

  /// The real numbers that codes stand for.
  /// - Throws: `invalid-option` where the codes were made with other parameters.
  public func dequantize(_ codes: QuantizedTensor) throws(Diagnostic) -> Tensor<Float> {
    guard try codes.parameters == calibrated() else {
      throw Diagnostic(
        .invalidOption, "the codes were made with other parameters than this quantizer's",
        hint: "`dequantized()` uses the tensor's own")
    }
    return codes.dequantized()
  }

  /// `dequantize(quantize(x))`: what training sees of the grid.
  /// - Throws: as `quantize`.
  public func fakeQuantize(
    _ x: Tensor<Float>, named name: String? = nil
  ) throws(Diagnostic) -> Tensor<Float> {
    try quantize(x, named: name).dequantized()
  }

  private func calibrated() throws(Diagnostic) -> QuantizationParameters {
    guard let parameters else {
      throw Diagnostic(
        .invalidOption, "the quantizer has no scale yet", hint: "calibrate it, or set `parameters`")
    }
    return parameters
  }
}

extension Tensor<Float> {
  /// The smallest and largest value of each channel or block.
  fileprivate func ranges(
    axis: Int?, blockSize: Int
  ) throws(Diagnostic) -> [(min: Float, max: Float)] {
    guard count > 0 else {
      throw Diagnostic(.invalidData, "the tensor of shape \(shape) has no values to calibrate on")
    }
    try checkFinite()
    let scales = try QuantizationParameters.scaleShape(
      for: shape, axis: axis, blockSize: blockSize)
    let granularity =
      axis == nil
      ? Granularity.perTensor
      : try Granularity(
        shape: shape, parameterShape: scales, axis: axis ?? 0, blockSize: blockSize)
    var ranges = Array(
      repeating: (min: Float.infinity, max: -Float.infinity), count: scales.reduce(1, *))
    for (index, x) in elements.enumerated() {
      let parameter = granularity.parameter(of: index)
      if x < ranges[parameter].min { ranges[parameter].min = x }
      if x > ranges[parameter].max { ranges[parameter].max = x }
    }
    return ranges
  }
}
