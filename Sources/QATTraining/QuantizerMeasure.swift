#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif
import QATCore
import QATIR

/// What one quantizer did to one tensor.
///
/// With x the tensor, n its size, s and z the scale and zero point of each element, and
/// `q = rint(x / s) + z` before saturation, as `qat.FakeQuantize` computes it:
///
///     saturation   share of elements with q outside of the grid
///     deadCodes    share of the grid's codes that no element has
///     sqnr         10 · log10(Σ x² / Σ (x - y)²) dB, y = (saturate(q) - z) · s; infinite without error
///
/// A gradient is let through where q lies on the grid; where scales are learned, strictly between its
/// ends before rounding (`qat.LearnedQuantizeGradient`); everywhere where nothing is rounded.
public struct QuantizerMeasure: Sendable, Equatable {
  /// One a channel; a single one per tensor.
  public var scale: [Float] = []
  /// As many as scales.
  public var zeroPoint: [Int32] = []
  /// The smallest and the largest element of the tensor.
  public var minimum = Float.infinity
  /// The largest element of the tensor.
  public var maximum = -Float.infinity
  /// 0…1.
  public var saturation = 0.0
  /// 0…1.
  public var deadCodes = 0.0
  /// In decibels.
  public var sqnr = 0.0
  /// The norm of the gradient behind the straight-through estimator: √Σ dx²; `nil` where no gradient
  /// reaches the quantizer.
  public var gradientNorm: Double?
  /// The share of the gradient's energy that the estimator lets through: Σ dx² / Σ dy²; 1 of a
  /// gradient that is 0 everywhere; `nil` like the norm.
  public var passThrough: Double?
  /// Of weights: how many codes flipped back since the record before; see `Oscillations`.
  public var oscillations: Int?
  /// Of weights: the share that flips back often.
  public var oscillating: Double?

  public init() {}

  /// What stands for a quantizer that did not run: its tensor is not part of the step.
  static func missing(channels: Int) -> QuantizerMeasure {
    var measure = QuantizerMeasure()
    measure.scale = Array(repeating: .nan, count: channels)
    measure.zeroPoint = Array(repeating: 0, count: channels)
    (measure.minimum, measure.maximum) = (.nan, .nan)
    (measure.saturation, measure.deadCodes, measure.sqnr) = (.nan, .nan, .nan)
    return measure
  }
}

/// A tensor and its quantizer, measured together.
struct QuantizedTensorReading {
  private(set) var measure = QuantizerMeasure()
  /// Saturated codes, where they were asked for.
  private(set) var codes: [Int32] = []
  /// Which elements the straight-through estimator lets gradients through at.
  private var passes: [Bool] = []

  init(
    _ op: FakeQuantize, x: AnyTensor, scale: AnyTensor, zeroPoint: AnyTensor, keepsMask: Bool,
    keepsCodes: Bool
  ) throws(Diagnostic) {
    let values = x.elements(as: Float.self) ?? [], scales = scale.elements(as: Float.self) ?? []
    let zeros = zeroPoint.integers ?? []
    let granularity = try Granularity(
      shape: x.shape, parameterShape: scale.shape, axis: op.axis ?? 0,
      blockSize: op.blockSize)
    measure.scale = scales
    measure.zeroPoint = zeros.map(Int32.init)
    let grid = op.grid, passesAll = op.bypass || op.straightThrough == "plain"
    var seen = [Bool](repeating: false, count: grid.max - grid.min + 1)
    var saturated = 0, signal = 0.0, noise = 0.0
    if keepsMask { passes = Array(repeating: true, count: passesAll ? 0 : values.count) }
    if keepsCodes { codes.reserveCapacity(values.count) }
    for (index, value) in values.enumerated() {
      let parameter = granularity.parameter(of: index)
      let zero = zeros[parameter], exact = value / scales[parameter]
      let steps = exact.rounded(.toNearestOrEven)
      let low = Float(grid.min - zero), high = Float(grid.max - zero)
      let code = saturate(steps, plus: zero, to: grid)
      seen[code - grid.min] = true
      let saturates = steps < low || steps > high
      if saturates { saturated += 1 }
      if keepsMask, !passesAll {
        passes[index] = op.learned == nil ? !saturates : exact > low && exact < high
      }
      let error = Double(value) - Double(Float(code - zero) * scales[parameter])
      signal += Double(value) * Double(value)
      noise += error * error
      measure.minimum = min(measure.minimum, value)
      measure.maximum = max(measure.maximum, value)
      if keepsCodes { codes.append(Int32(code)) }
    }
    measure.saturation = values.isEmpty ? 0 : Double(saturated) / Double(values.count)
    measure.deadCodes = Double(seen.count { !$0 }) / Double(seen.count)
    measure.sqnr = noise == 0 ? .infinity : 10 * log10(signal / noise)
  }

  /// Adds what the gradient of the quantizer's result says.
  mutating func add(gradient: AnyTensor) {
    let values = gradient.elements(as: Float.self) ?? []
    var energy = 0.0, passed = 0.0
    for (index, value) in values.enumerated() {
      let square = Double(value) * Double(value)
      energy += square
      if index >= passes.count || passes[index] { passed += square }
    }
    measure.gradientNorm = passed.squareRoot()
    measure.passThrough = energy == 0 ? 1 : passed / energy
  }
}
